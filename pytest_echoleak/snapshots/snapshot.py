"""What is known of a service's memory at one moment, and the protocol of whatever tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pytest_echoleak.errors import SnapshotError
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.profiles import Usage
from pytest_echoleak.services.instance import Instance
from pytest_echoleak.text import with_log


@dataclass(frozen=True)
class RawProfiles:
    """The profiles as the service gave them, for `go tool pprof`."""

    heap_pb_gz: bytes
    goroutine_pb_gz: bytes


@dataclass(frozen=True)
class Snapshot:
    """A settled snapshot: after at least two forced GCs, with the goroutines at rest.

    A site is a stack, and has a number: snapshots are compared by these. `stacks` tells what stack
    a number means; it may know only those whose figures ever changed. Snapshots of one process
    share it.

    - `taken_at_seconds`: on the monotonic clock of this machine.
    - `exact`: every allocation is recorded (since the service was ready, where an agent tells);
      else `heap` is an estimate from samples.
    - `heap`: what each site holds; `goroutines`: how many are at each stack.
    - `inuse_objects`, `inuse_bytes`: what is live in the whole process.
    - `allocated_objects`: how many were ever allocated, without what our reading allocates.
    - `goroutine_count`: in the whole process.
    - `heap_requests`, `goroutine_requests`: how many requests of ours the service's own router had
      been sent when each was read: a service that leaks on every request leaks on these, too.
    - `identity`: changes when another process answers.
    - `at_rest`: False where the time limit ended the wait for the goroutines.
    - `raw`: None where no profile was served.
    """

    taken_at_seconds: float
    exact: bool
    heap: Usage
    goroutines: Mapping[int, int]
    stacks: Mapping[int, Stack]
    inuse_objects: int
    inuse_bytes: int
    allocated_objects: int
    goroutine_count: int
    heap_requests: int
    goroutine_requests: int
    identity: str
    at_rest: bool
    raw: RawProfiles | None = None


@dataclass(frozen=True)
class Rest:
    """When goroutines count as at rest. Seconds.

    No more of them than last time: at once. Otherwise their number must not change for
    `quiet_seconds`; after `limit_seconds` they are taken as they are.
    """

    poll_seconds: float = 0.02
    first_quiet_seconds: float = 0.1
    quiet_seconds: float = 0.4
    limit_seconds: float = 3.0


class SnapshotSource(Protocol):
    """Takes settled snapshots of one service: over pprof, or from the agent in it."""

    def prepare(self) -> None:
        """Get ready, after each start of the service. Raises as `take` does."""

    def take(self, previous: Snapshot | None = None) -> Snapshot:
        """Take one. `previous` tells how many goroutines were at rest last time.

        Raises SnapshotError where the service cannot be read, ServiceError where it has ended.
        """

    def unreachable_goroutines(self) -> Mapping[Stack, int] | None:
        """Return how many goroutines at each stack nothing can ever wake, as the collector proves.

        None where this service's Go cannot tell. Raises as `take` does.
        """


def restarted(instance: Instance) -> SnapshotError:
    """Return the error to raise where another process answers than before."""
    text = (
        f"{instance.name} was restarted in the middle of the check: another process answers now,"
        " and what the first one held is gone. Find out what ended it; the check says nothing about"
        " leaks."
    )
    return SnapshotError(with_log(text, instance.logs()))
