"""Snapshots made of made-up sites, for tests that need no service."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.memstats import MemStats
from pytest_echoleak.pprof.profiles import Usage
from pytest_echoleak.pprof.stacks import StackTable
from pytest_echoleak.snapshots.snapshot import RawProfiles, Snapshot

STACKS = StackTable()


def site(stack: Stack) -> int:
    """Return the number that `stack` has in all snapshots made here."""
    (number,) = STACKS.sites(["".join(STACKS.location((frame,)) for frame in stack)])
    return number


def snapshot(
    objects: Mapping[Stack, int] | None = None,
    goroutines: Mapping[Stack, int] | None = None,
    *,
    at: float = 0.0,
    requests: int = 0,
    memstats: MemStats | None = None,
    object_bytes: int = 64,
) -> Snapshot:
    """Return a snapshot with so many live objects per site, `requests` of ours after the start."""
    held = {site(stack): count for stack, count in (objects or {}).items()}
    heap = Usage(held, {place: count * object_bytes for place, count in held.items()})
    counts = {site(stack): count for stack, count in (goroutines or {}).items()}
    live = sum(held.values())
    return Snapshot(
        taken_at_seconds=at,
        exact=memstats is None,
        heap=heap,
        goroutines=counts,
        stacks=STACKS,
        inuse_objects=memstats.heap_objects if memstats else live,
        inuse_bytes=memstats.heap_alloc_bytes if memstats else live * object_bytes,
        allocated_objects=memstats.mallocs if memstats else 2 * live,
        goroutine_count=sum(counts.values()),
        heap_requests=requests,
        goroutine_requests=requests,
        identity="one",
        at_rest=True,
        raw=RawProfiles(b"heap", b"goroutine"),
    )
