"""The spec's `files`: what is put where in the service's working folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from os import fspath
from pathlib import Path, PurePosixPath

from pytest_echoleak.errors import SettingError
from pytest_echoleak.services.specs import ServiceSettings


@dataclass(frozen=True)
class PlacedFile:
    """A file or folder of this machine, and its place: relative to the working folder, or not."""

    source: Path
    place: PurePosixPath


def placed_files(spec: ServiceSettings) -> tuple[PlacedFile, ...]:
    """Return the spec's files with their places. Raises SettingError for one that is missing.

    A bare source keeps its name. Relative sources are relative to the current folder.
    """
    return tuple(_placed(item) for item in spec.files)


def files_below(placed: PlacedFile) -> tuple[PlacedFile, ...]:
    """Return the single files that `placed` stands for, in a stable order."""
    if placed.source.is_file():
        return (placed,)
    found: list[PlacedFile] = []
    for folder, folders, names in os.walk(placed.source):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                below = PurePosixPath(path.relative_to(placed.source).as_posix())
                found.append(PlacedFile(path, placed.place / below))
    return tuple(found)


def _placed(item: str | os.PathLike[str] | tuple[str | os.PathLike[str], str]) -> PlacedFile:
    stated, place_text = item if isinstance(item, tuple) else (item, "")
    source = Path(fspath(stated)).expanduser().absolute()
    if not source.exists():
        raise SettingError(f"files={fspath(stated)!r}: there is no {source}")
    place = PurePosixPath(place_text or source.resolve().name)
    if ".." in place.parts or not place.name:
        raise SettingError(f"files=({fspath(stated)!r}, {place_text!r}): not a place for a file")
    return PlacedFile(source, place)
