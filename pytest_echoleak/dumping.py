"""The heap dumps that a check may need: taken before a proof, or else when there is a leak.

A process in which the collector found a goroutine unreachable cannot be dumped any more: Go's
WriteHeapDump would end it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pytest_echoleak.errors import EcholeakError, ServiceError, SnapshotError
from pytest_echoleak.heap_dumps import HeapDump
from pytest_echoleak.measurement import Measurement
from pytest_echoleak.ownership import without_runtime
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.service import EchoService

# A larger heap stands still for a second. It is dumped for a leak, but not on suspicion.
_MOST_SUSPECTED_BYTES = 128 << 20
_REPLAYED = 500
# Some leaks begin after hundreds of requests: a service that was started anew gets this part again.
_REPLAYED_ANEW_SHARE = 1 / 8
# So much of what a place holds may be older than the check: who holds that hardly shows.
_OLD_SHARE = 0.02
_ENOUGH_OBJECTS = 20


@dataclass(frozen=True)
class Dumps:
    """A dump with what leaked in it, and one from before where that tells it apart.

    `share`: how much of what the check saw leak is in `after` and not in `before`, 0 to 1.
    """

    after: HeapDump
    before: HeapDump | None
    share: float


class Dumping:
    """Takes the dumps of one check, and deletes them with `close`."""

    def __init__(self, service: EchoService, measurement: Measurement) -> None:
        self._service = service
        self._measurement = measurement
        self._proved_before = service.proved
        self._dumps: list[HeapDump] = []
        self._iterations_in_it = 0

    @property
    def possible(self) -> bool:
        """Whether the service has an agent, from which alone a dump comes."""
        return self._service.has_agent

    @property
    def costs_much(self) -> bool:
        """Whether a dump needs a restart, or stops the service for long: too much on suspicion."""
        last = self._measurement.last
        return self._proved_before or last is None or last.inuse_bytes > _MOST_SUSPECTED_BYTES

    def before_proof(self) -> None:
        """Take a dump, where goroutines came that may be proved unreachable now."""
        if self.costs_much or self._service.proved:
            return
        try:
            if self.possible:
                self.close()
                self._take()
        except SnapshotError:
            # The proof matters more: whoever needs the dump says that there is none.
            self._service.instance.identity()

    def of_leak(self, leaked: Sequence[tuple[Collection[Stack], int]]) -> Dumps:
        """Return what tells who holds what leaked: for each finding its stacks and its objects.

        Where an earlier check's proof has made a dump impossible the service is started anew, and
        gets some of the iterations once more. Where the stacks held other objects before the check
        it gets more iterations, too, between two dumps that tell these apart. Raises SnapshotError,
        WorkloadError, ServiceError.
        """
        if self._dumps and self._service.proved:
            return self._whole(self._dumps[-1])
        self.close()
        if self._proved_before:
            replayed = self._started_anew()
            return Dumps(self._take(), None, self._share_of(replayed))
        dump = self._take()
        if any(self._is_beside_older(stacks, objects) for stacks, objects in leaked):
            return self._apart(dump)
        return self._whole(dump)

    def close(self) -> None:
        """Delete what was taken. May be called twice."""
        while self._dumps:
            self._dumps.pop().delete()

    def _apart(self, before: HeapDump) -> Dumps:
        """Return a later dump beside this one, with some more iterations between them."""
        try:
            replayed = self._measurement.replay(_REPLAYED)
            if replayed:
                return Dumps(self._take(), before, self._share_of(replayed))
        except EcholeakError:
            self._service.instance.identity()  # where it ended, that is what matters
        return self._whole(before)

    def _is_beside_older(self, stacks: Collection[Stack], objects: int) -> bool:
        """Tell whether the stacks held objects before the check, and leak fast enough for a second.

        What the warm-up left there is of the same leak.
        """
        first = self._measurement.first
        each = objects / max(self._measurement.iterations, 1)
        if first is None or each * _REPLAYED < _ENOUGH_OBJECTS:
            return False
        held = sum(
            count
            for site, count in first.heap.objects.items()
            if site in first.stacks and without_runtime(first.stacks[site]) in stacks
        )
        return held - each * self._measurement.warmed_up > _OLD_SHARE * objects

    def _whole(self, dump: HeapDump) -> Dumps:
        return Dumps(dump, None, self._share_of(self._iterations_in_it))

    def _share_of(self, iterations: int) -> float:
        return min(iterations / max(self._measurement.iterations, 1), 1.0)

    def _take(self) -> HeapDump:
        self._dumps.append(self._service.heap_dump())
        self._iterations_in_it = self._measurement.iterations
        return self._dumps[-1]

    def _started_anew(self) -> int:
        """Restart the service, and return how many iterations it got then."""
        if self._measurement.is_over:
            raise SnapshotError("max-seconds left no time to start it anew for a heap dump")
        try:
            self._service.restart()
        except ServiceError:
            self._service.stop()  # nobody shall be given what did not get ready
            raise
        again = round(_REPLAYED_ANEW_SHARE * self._measurement.iterations)
        return self._measurement.replay(max(_REPLAYED, again))
