"""The raw profiles of a check that failed, kept for `go tool pprof`."""

from __future__ import annotations

from pathlib import Path

from pytest_echoleak.snapshots.snapshot import Snapshot


def save_profiles(folder: Path, before: Snapshot | None, after: Snapshot | None) -> tuple[str, ...]:
    """Write both snapshots' profiles into `folder`, made if need be; return the files' paths.

    What an earlier run left under the same names is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for moment, snapshot in (("before", before), ("after", after)):
        if snapshot is None:
            continue
        profiles = {"heap": snapshot.heap_pb_gz, "goroutine": snapshot.goroutine_pb_gz}
        for kind, data in profiles.items():
            path = folder / f"{moment}.{kind}.pb.gz"
            path.write_bytes(data)
            paths.append(str(path))
    return tuple(paths)
