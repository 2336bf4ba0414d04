"""The heap dump that a check may need: taken before a proof, or else when there is a leak.

A process in which the collector found a goroutine unreachable cannot be dumped any more: Go's
WriteHeapDump would end it.
"""

from __future__ import annotations

from pytest_echoleak.errors import ServiceError, SnapshotError
from pytest_echoleak.heap_dumps import HeapDump
from pytest_echoleak.measurement import Measurement
from pytest_echoleak.service import EchoService

# A larger heap stands still for a second. It is dumped for a leak, but not on suspicion.
_MOST_SUSPECTED_BYTES = 128 << 20
_REPLAYED = 500


class Dumping:
    """Takes the dumps of one check, and deletes them with `close`."""

    def __init__(self, service: EchoService, measurement: Measurement) -> None:
        self._service = service
        self._measurement = measurement
        self._proved_before = service.proved
        self._dump: HeapDump | None = None
        self._iterations_in_it = 0

    @property
    def possible(self) -> bool:
        """Whether the service has an agent, from which alone a dump comes."""
        return self._service.instance.endpoints().agent is not None

    @property
    def share(self) -> float:
        """How much of what leaked is in the dump, 0 to 1: all, or what leaked until then."""
        return min(self._iterations_in_it / max(self._measurement.iterations, 1), 1.0)

    def before_proof(self) -> None:
        """Take a dump, where goroutines came that may be proved unreachable now."""
        last = self._measurement.last
        if last is None or last.inuse_bytes > _MOST_SUSPECTED_BYTES or self._service.proved:
            return
        try:
            if self.possible:
                self.close()
                self._take()
        except SnapshotError:
            # The proof matters more: whoever needs the dump says that there is none.
            self._service.instance.identity()

    def of_leak(self) -> HeapDump:
        """Return a dump with what leaked in it. Raises SnapshotError, WorkloadError, ServiceError.

        Where an earlier check's proof has made that impossible the service is started anew, and
        gets some of the iterations once more.
        """
        if self._dump is not None and self._service.proved:
            return self._dump
        self.close()
        if not self._proved_before:
            return self._take()
        replayed = self._started_anew()
        dump = self._take()
        self._iterations_in_it = replayed
        return dump

    def close(self) -> None:
        """Delete what was taken. May be called twice."""
        if self._dump is not None:
            self._dump.delete()
            self._dump = None

    def _take(self) -> HeapDump:
        self._dump = self._service.heap_dump()
        self._iterations_in_it = self._measurement.iterations
        return self._dump

    def _started_anew(self) -> int:
        """Restart the service, and return how many iterations it got then."""
        if self._measurement.is_over:
            raise SnapshotError("max-seconds left no time to start it anew for a heap dump")
        try:
            self._service.restart()
        except ServiceError:
            self._service.stop()  # nobody shall be given what did not get ready
            raise
        return self._measurement.replay(_REPLAYED)
