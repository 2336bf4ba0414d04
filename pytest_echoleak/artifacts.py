"""What is kept of a check: the raw profiles of a failed one, and heap dumps where asked for."""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_echoleak.errors import EcholeakError
from pytest_echoleak.pprof.encode import encode_goroutines, encode_heap
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.snapshots.snapshot import RawProfiles, Snapshot

if TYPE_CHECKING:
    from pytest_echoleak.service import EchoService

HEAP_DUMP_NAME = "after.heapdump"
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


def save_heap_dump(folder: Path, service: EchoService) -> tuple[str, ...]:
    """Keep a heap dump of the service as it is now, below `folder`; return its path, if any.

    It lies in a folder of its own, which its user alone can enter. A dump of an earlier run goes
    in any case. Where none can be had (no agent, goroutines that were proved unreachable, a service
    that ended), that is logged: the verdict matters more.
    """
    private = folder / "heapdump"
    path = private / HEAP_DUMP_NAME
    try:
        path.unlink(missing_ok=True)
        if private.is_dir():
            private.chmod(0o700)
        # It makes the folder, for its user alone, where there is none.
        return (str(service.heap_dump(path).path),)
    except (EcholeakError, OSError) as error:
        _LOGGER.warning("No heap dump is kept in %s. %s", private, error)
        return ()


def _save(folder: Path, before: Snapshot | None, after: Snapshot | None, paths: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for moment, snapshot in (("before", before), ("after", after)):
        if snapshot is None:
            continue
        raw = snapshot.raw or _made_profiles(snapshot)
        for kind, data in (("heap", raw.heap_pb_gz), ("goroutine", raw.goroutine_pb_gz)):
            path = folder / f"{moment}.{kind}.pb.gz"
            path.write_bytes(data)
            paths.append(str(path))


def _made_profiles(snapshot: Snapshot) -> RawProfiles:
    """Return profiles of what an agent told: of the sites that changed since the first snapshot."""
    stacks = snapshot.stacks
    heap: defaultdict[Stack, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for site, count in snapshot.heap.objects.items():
        if site in stacks:
            objects, size_bytes = heap[stacks[site]]
            heap[stacks[site]] = (objects + count, size_bytes + snapshot.heap.bytes[site])
    goroutines: defaultdict[Stack, int] = defaultdict(int)
    for site, count in snapshot.goroutines.items():
        goroutines[stacks[site]] += count
    return RawProfiles(encode_heap(heap), encode_goroutines(goroutines))
