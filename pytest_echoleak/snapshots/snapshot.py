"""What is known of a service's memory at one moment, and the protocol of whatever tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pytest_echoleak.errors import SnapshotError
from pytest_echoleak.pprof.memstats import MemStats
from pytest_echoleak.pprof.profiles import GoroutineProfile, HeapProfile
from pytest_echoleak.services.instance import Instance
from pytest_echoleak.text import with_log


@dataclass(frozen=True)
class Snapshot:
    """A settled snapshot: after at least two forced GCs, with the goroutines at rest.

    - `taken_at_seconds`: on the monotonic clock of this machine.
    - `memstats`: totals of the process; None where `heap` is exact and its sites are the totals.
    - `heap_requests`, `goroutine_requests`: how many requests of ours the service had been sent
      when each profile was made: a service that leaks on every request leaks on these, too.
    - `identity`: changes when another process answers.
    - `at_rest`: False where the time limit ended the wait for the goroutines.
    - `heap_pb_gz`, `goroutine_pb_gz`: the profiles as served, for `go tool pprof`.
    """

    taken_at_seconds: float
    heap: HeapProfile
    goroutines: GoroutineProfile
    memstats: MemStats | None
    heap_requests: int
    goroutine_requests: int
    identity: str
    at_rest: bool
    heap_pb_gz: bytes
    goroutine_pb_gz: bytes

    @property
    def inuse_objects(self) -> int:
        """Live objects of the process."""
        if self.memstats is not None:
            return self.memstats.heap_objects
        return sum(site.inuse_objects for site in self.heap.sites.values())

    @property
    def inuse_bytes(self) -> int:
        """Bytes in live objects of the process."""
        if self.memstats is not None:
            return self.memstats.heap_alloc_bytes
        return sum(site.inuse_bytes for site in self.heap.sites.values())

    @property
    def allocated_objects(self) -> int:
        """Objects allocated since the process began (since profiling began, where exact)."""
        if self.memstats is not None:
            return self.memstats.mallocs
        return sum(site.alloc_objects for site in self.heap.sites.values())


class SnapshotSource(Protocol):
    """Takes settled snapshots of one service: over pprof, or whatever else can tell."""

    def take(self, previous: Snapshot | None = None) -> Snapshot:
        """Take one. `previous` tells how many goroutines were at rest last time.

        Raises SnapshotError where the service cannot be read, ServiceError where it has ended.
        """


def restarted(instance: Instance) -> SnapshotError:
    """Return the error to raise where another process answers than before."""
    text = (
        f"{instance.name} was restarted in the middle of the check: another process answers now,"
        " and what the first one held is gone. Find out what ended it; the check says nothing about"
        " leaks."
    )
    return SnapshotError(with_log(text, instance.logs()))
