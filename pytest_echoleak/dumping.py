"""The heap dump that a check may need: taken before a proof, or else when there is a leak.

A process in which the collector found a goroutine unreachable cannot be dumped any more: Go's
WriteHeapDump would end it.
"""

from __future__ import annotations

from pytest_echoleak.errors import SnapshotError
from pytest_echoleak.heap_dumps import HeapDump
from pytest_echoleak.measurement import Measurement
from pytest_echoleak.service import EchoService

# As many as a proof needs.
_FEWEST_GOROUTINES = 3
# A larger heap stands still for a second. It is dumped for a leak, but not on suspicion.
_MOST_SUSPECTED_BYTES = 128 << 20
_REPLAYED = 500


class Dumping:
    """Takes the dumps of one check, and deletes them with `close`."""

    def __init__(self, service: EchoService, measurement: Measurement) -> None:
        self._service = service
        self._measurement = measurement
        self._dump: HeapDump | None = None
        self._share = 1.0

    @property
    def share(self) -> float:
        """How much of what leaked is in the dump: all, or what a replay left."""
        return self._share

    def before_proof(self) -> None:
        """Take a dump, where goroutines came that may be proved unreachable now."""
        first, last = self._measurement.first, self._measurement.last
        if first is None or last is None or not self.possible or self._service.proved:
            return
        if last.goroutine_count - first.goroutine_count < _FEWEST_GOROUTINES:
            return
        if last.inuse_bytes > _MOST_SUSPECTED_BYTES:
            return
        self.close()
        try:
            self._dump = self._service.heap_dump()
        except SnapshotError:
            # The proof matters more: whoever needs the dump says that there is none.
            self._service.instance.identity()

    def of_leak(self) -> HeapDump:
        """Return a dump with what leaked in it. Raises SnapshotError, WorkloadError, ServiceError.

        Where an earlier check's proof has made that impossible the service is started anew, and
        gets some of the iterations once more.
        """
        if self._dump is None:
            if self._service.proved and self.possible:
                self._service.restart()
                self._measurement.replay(_REPLAYED)
                done = sum(item.iterations for item in self._measurement.rounds)
                self._share = min(_REPLAYED / max(done, 1), 1.0)
            self._dump = self._service.heap_dump()
        return self._dump

    def close(self) -> None:
        """Delete what was taken. May be called twice."""
        if self._dump is not None:
            self._dump.delete()
            self._dump = None

    @property
    def possible(self) -> bool:
        """Whether the service has an agent, from which alone a dump comes."""
        return self._service.instance.endpoints().agent is not None
