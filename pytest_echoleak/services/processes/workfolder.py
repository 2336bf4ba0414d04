"""The private folder of a local service, and the removal of what a killed pytest left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pytest_echoleak.errors import SettingError
from pytest_echoleak.services.files import PlacedFile, placed_files
from pytest_echoleak.services.owner import current_owner, owner_state, parse_owner
from pytest_echoleak.services.specs import ServiceSettings

_ON_LINUX = sys.platform.startswith("linux")
MARK_VARIABLE = "ECHOLEAK_SERVICE"
_PREFIX = "echoleak-"
_OWNED = re.compile(rf"{_PREFIX}(?P<owner>[A-Za-z0-9._-]+)-[a-z0-9_]+")
_KILL_SECONDS = 5.0
_FOREIGN_SECONDS = 24 * 3600.0


def make_folder() -> Path:
    """Return a new folder that only this user can enter. Its name tells whose it is."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{current_owner().label()}-"))


def lay_out(spec: ServiceSettings, folder: Path) -> Path:
    """Put the spec's `files` and `writable` folders in place, and return the working folder.

    `files` go into the working folder. `writable` folders are made where they are missing:
    relative ones in the working folder, absolute ones where they say, and those stay. (A process
    has no read-only root: what it may write to is not restricted.) Raises SettingError.
    """
    working = folder / "work"
    working.mkdir()
    (folder / "tmp").mkdir()
    for placed in placed_files(spec):
        _copy(placed, working)
    for name in spec.writable:
        _make_writable(working / name)
    return working


def place_binary(binary: Path, working: Path) -> Path:
    """Return `binary` beside the service's files, or where it is if nothing can be run there.

    A service may look for its files beside its own binary instead of in its working folder.
    """
    mounted_noexec = os.statvfs(working).f_flag & getattr(os, "ST_NOEXEC", 0)
    place = working / binary.name
    if mounted_noexec or place.exists():
        return binary
    try:
        os.link(binary, place)
    except OSError:
        shutil.copy2(binary, place)
    return place


def remove_folder(folder: Path) -> None:
    """End whatever still carries the folder's mark, and remove the folder."""
    end_marked(folder.name)
    shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the folders and the processes of this user's pytests that no longer run."""
    for folder in _abandoned_folders(Path(tempfile.gettempdir())):
        remove_folder(folder)


def end_marked(mark: str) -> None:
    """Kill the processes that have `mark` in their environment."""
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        found = list(_processes_with(mark))
        if not found:
            return
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _processes_with(mark: str) -> Iterator[int]:
    if not _ON_LINUX:
        yield from _processes_by_psutil(mark)
        return
    entry = f"{MARK_VARIABLE}={mark}".encode("ascii")
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            # A zombie's environment reads as empty.
            if entry in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                yield int(name)


def _processes_by_psutil(mark: str) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK_VARIABLE) == mark and process.pid != os.getpid():
                yield process.pid


def _abandoned_folders(place: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            match = _OWNED.fullmatch(entry.name)
            owner = parse_owner(match["owner"]) if match else None
            if owner is None or not _is_ours(entry):
                continue
            state = owner_state(owner)
            if state == "dead" or (state == "foreign" and _is_old(entry)):
                yield Path(entry.path)


def _is_ours(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _is_old(entry: os.DirEntry[str]) -> bool:
    """Tell whether nobody can still need a folder of another boot, or of another container."""
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _FOREIGN_SECONDS
    except OSError:
        return False


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SettingError(f"writable=: the folder {folder} cannot be made: {cause}") from cause


def _copy(placed: PlacedFile, working: Path) -> None:
    if placed.place.is_absolute():
        raise SettingError(
            f"files=: {placed.source} cannot be put at {placed.place}: a local process has a "
            "working folder alone, so give a place relative to it, or run the service in Docker"
        )
    target = working / placed.place
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if placed.source.is_dir():
            shutil.copytree(placed.source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(placed.source, target)
    except (OSError, shutil.Error) as cause:
        raise SettingError(f"files=: {placed.source} cannot be copied: {cause}") from cause
