"""Snapshots made of made-up sites, for tests that need no service."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.memstats import MemStats
from pytest_echoleak.pprof.profiles import GoroutineProfile, HeapProfile, SiteUsage
from pytest_echoleak.snapshots.snapshot import Snapshot


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
    sites = {
        stack: SiteUsage(count, count * object_bytes, count * 2, count * 2 * object_bytes)
        for stack, count in (objects or {}).items()
    }
    return Snapshot(
        taken_at_seconds=at,
        heap=HeapProfile(1 if memstats is None else 524_288, sites),
        goroutines=GoroutineProfile(dict(goroutines or {})),
        memstats=memstats,
        heap_requests=requests,
        goroutine_requests=requests,
        identity="one",
        at_rest=True,
        heap_pb_gz=b"heap",
        goroutine_pb_gz=b"goroutine",
    )
