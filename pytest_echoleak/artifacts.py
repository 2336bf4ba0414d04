"""The raw profiles of a check that failed, kept for `go tool pprof`."""

from __future__ import annotations

import logging
from pathlib import Path

from pytest_echoleak.snapshots.snapshot import Snapshot

_LOGGER = logging.getLogger(__name__)


def save_profiles(folder: Path, before: Snapshot | None, after: Snapshot | None) -> tuple[str, ...]:
    """Write both snapshots' profiles into `folder`, made if need be; return the files' paths.

    What an earlier run left under the same names is replaced. A folder that cannot be written to
    must not cost the verdict: then it is logged, which pytest shows with the test's failure.
    """
    paths: list[str] = []
    try:
        _save(folder, before, after, paths)
    except OSError as error:
        _LOGGER.warning("The check's profiles cannot be saved in %s: %s", folder, error)
    return tuple(paths)


def _save(folder: Path, before: Snapshot | None, after: Snapshot | None, paths: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for moment, snapshot in (("before", before), ("after", after)):
        if snapshot is None:
            continue
        profiles = {"heap": snapshot.heap_pb_gz, "goroutine": snapshot.goroutine_pb_gz}
        for kind, data in profiles.items():
            path = folder / f"{moment}.{kind}.pb.gz"
            path.write_bytes(data)
            paths.append(str(path))
