"""Tiny Go services for the tests: where they are, and how a test writes one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent


def app(name: str) -> Path:
    """Return the folder of the service `name`, a module of its own."""
    folder = _FOLDER / name
    assert (folder / "go.mod").is_file(), f"there is no Go module {folder}"
    return folder


def write_module(
    folder: Path, files: Mapping[str, str], *, path: str = "example.com/made", go: str = "1.21"
) -> Path:
    """Write a Go module into `folder`: go.mod, and `files` by their place in it."""
    everything = {"go.mod": f"module {path}\n\ngo {go}\n", **files}
    for place, content in everything.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return folder
