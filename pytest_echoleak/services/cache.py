"""The folder in the user's cache where builds are kept, and what is thrown away of it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_echoleak.errors import SettingError

_NAME = "pytest-echoleak"
_KEPT_DAYS = 14


def cache_folder() -> Path:
    """Return this package's folder in the user's cache, made where it is missing."""
    folder = _user_cache() / _NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SettingError(
            f"The cache folder {folder} cannot be made: {cause}. Set XDG_CACHE_HOME to a folder"
            " that you may write to."
        ) from cause
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock that all pytest processes of this user share, under `name` (a plain word)."""
    import filelock

    folder = cache_folder() / "locks"
    folder.mkdir(exist_ok=True)
    with filelock.FileLock(str(folder / f"{name}.lock")):
        yield


def prune(folder: Path, *, now: float | None = None) -> None:
    """Remove what lies in `folder` and was not used for two weeks, by its time of change."""
    oldest = (time.time() if now is None else now) - _KEPT_DAYS * 86_400
    for entry in folder.iterdir():
        try:
            if entry.stat().st_mtime >= oldest:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        except OSError:
            # Another process removed it first, or it runs (Windows): the next use tries again.
            continue


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    stated = os.environ.get("XDG_CACHE_HOME", "")
    return Path(stated) if Path(stated).is_absolute() else Path.home() / ".cache"
