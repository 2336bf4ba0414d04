"""Laying the agent over a package: what `go build -overlay` is told."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

# The last of a package's files in any order, so that its init comes after the program's own.
_FILE_NAME = "zz_echoleak_agent.go"
# Stands in every program that has the agent, stripped or not.
AGENT_SYMBOL = b"echoleakAgent"


def agent_source(package: str = "main") -> str:
    """Return the agent's file as one of the package `package`: main, or Go's own http."""
    return _resource("agent.go").replace("package main\n", f"package {package}\n", 1)


def go_command() -> str:
    """Return the script that stands before the go command of an image, and lays the agent over.

    In package http, which every service has, it needs not know what main package is built.
    """
    return _resource("go.sh")


def write_overlay(package_folder: Path, folder: Path) -> Path:
    """Write into `folder` what adds the agent to the main package in `package_folder`.

    Returns the file that `go build -overlay` takes. The same inputs give the same files, so that
    Go's build cache knows them again.
    """
    source = folder / "agent.go"
    _write(source, agent_source())
    overlay = folder / "overlay.json"
    replace = {str(package_folder / _FILE_NAME): str(source)}
    _write(overlay, json.dumps({"Replace": replace}))
    return overlay


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
