"""A file system in memory, as the tar archive that an engine takes: one tree, one archive."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class _Entry:
    content: bytes | None
    mode: int
    uid: int


@dataclass
class Tree:
    """Files and folders by their absolute place. All belong to root unless told otherwise."""

    _entries: dict[str, _Entry] = field(default_factory=dict)

    def add_file(self, place: PurePosixPath, content: bytes, *, executable: bool = False) -> None:
        """Put a file that everyone may read. The folders above it are made."""
        self._entries[_name(place)] = _Entry(content, 0o755 if executable else 0o644, 0)

    def add_folder(self, place: PurePosixPath, *, mode: int = 0o755, uid: int = 0) -> None:
        """Put a folder."""
        self._entries[_name(place)] = _Entry(None, mode, uid)

    def __contains__(self, place: PurePosixPath) -> bool:
        return _name(place) in self._entries

    def archive(self) -> bytes:
        """Return the tar archive, sorted and without times."""
        entries = dict(self._entries)
        for name in self._entries:
            for parent in PurePosixPath(name).parents:
                if parent.name:
                    entries.setdefault(str(parent), _Entry(None, 0o755, 0))
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name in sorted(entries):
                _write(archive, name, entries[name])
        return buffer.getvalue()


def _name(place: PurePosixPath) -> str:
    return str(place).lstrip("/")


def _write(archive: tarfile.TarFile, name: str, entry: _Entry) -> None:
    header = tarfile.TarInfo(name)
    header.mode, header.uid, header.gid = entry.mode, entry.uid, entry.uid
    if entry.content is None:
        header.type = tarfile.DIRTYPE
        archive.addfile(header)
    else:
        header.size = len(entry.content)
        archive.addfile(header, io.BytesIO(entry.content))
