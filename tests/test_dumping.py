"""Which dumps a leak needs: one, two that tell older objects apart, or one of a service anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_echoleak.dumping import Dumping, Dumps
from pytest_echoleak.errors import ServiceError, WorkloadError
from pytest_echoleak.heap_dumps import HeapDump
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.snapshots.snapshot import Snapshot
from tests.made_snapshots import snapshot

KEEP: Stack = (Frame("main.keep", "main.go", 12), Frame("main.main", "main.go", 40))
LEAKED = 1_000
ITERATIONS = 1_000


@dataclass
class Service:
    """A service that can be dumped, into files that are counted."""

    folder: Path
    has_agent: bool = True
    proved: bool = False
    ended: bool = False
    dumped: int = 0
    restarted: int = 0

    @property
    def instance(self) -> Service:
        """Its process."""
        return self

    def identity(self) -> str:
        """Name the process, if it still runs."""
        if self.ended:
            raise ServiceError("the service ended")
        return "one"

    def heap_dump(self) -> HeapDump:
        """Take a dump."""
        self.dumped += 1
        path = self.folder / f"dump-{self.dumped}"
        path.write_bytes(b"dump")
        return HeapDump(path, None, "", "one", 4, 0.0)

    def restart(self) -> None:
        """Start it anew."""
        self.restarted += 1
        self.proved = False


@dataclass
class Measured:
    """A check that is done, of which some iterations can be made again."""

    first: Snapshot
    replays: int = 500
    error: Exception | None = None
    iterations: int = ITERATIONS
    warmed_up: int = 0
    is_over: bool = False
    last: Snapshot = field(default_factory=snapshot)

    def replay(self, iterations: int) -> int:
        """Make them, as many as there is time for."""
        if self.error is not None:
            raise self.error
        return min(iterations, self.replays)


def dumping(service: Service, older: int, **more: Any) -> Dumping:
    """Return the dumps of a check before which the place held `older` objects."""
    return Dumping(cast(Any, service), cast(Any, Measured(snapshot({KEEP: older}), **more)))


def of_leak(made: Dumping) -> Dumps:
    """Return the dumps for the one leak there is."""
    return made.of_leak([({KEEP}, LEAKED)])


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """One that runs."""
    return Service(tmp_path)


def test_one_dump_is_enough_where_nothing_older_lies(service: Service) -> None:
    dumps = of_leak(dumping(service, older=0))
    assert (dumps.before, dumps.share, service.dumped) == (None, 1.0, 1)


def test_two_dumps_tell_what_an_earlier_check_left_apart(service: Service) -> None:
    dumps = of_leak(dumping(service, older=300))
    assert dumps.before is not None
    assert dumps.share == 0.5  # 500 of 1,000 iterations lie between them


def test_what_the_warm_up_left_is_of_the_same_leak(service: Service) -> None:
    assert of_leak(dumping(service, older=300, warmed_up=300)).before is None


@pytest.mark.parametrize("more", [{"replays": 0}, {"error": WorkloadError("500, not 200")}])
def test_where_no_more_can_be_sent_the_one_dump_must_do(
    service: Service, more: dict[str, Any]
) -> None:
    dumps = of_leak(dumping(service, older=300, **more))
    assert (dumps.before, dumps.share) == (None, 1.0)


def test_a_service_that_ends_meanwhile_is_what_matters(service: Service) -> None:
    service.ended = True
    with pytest.raises(ServiceError, match="ended"):
        of_leak(dumping(service, older=300, error=WorkloadError("no answer")))


def test_after_a_proof_in_an_earlier_check_it_is_started_anew(service: Service) -> None:
    service.proved = True
    dumps = of_leak(dumping(service, older=300, replays=250))
    assert (service.restarted, dumps.before, dumps.share) == (1, None, 0.25)


def test_a_leak_that_begins_late_shows_in_what_is_started_anew(service: Service) -> None:
    service.proved = True
    dumps = of_leak(dumping(service, older=300, replays=2_000, iterations=12_000))
    assert dumps.share == 1_500 / 12_000


def test_all_dumps_are_deleted(service: Service, tmp_path: Path) -> None:
    made = dumping(service, older=300)
    of_leak(made)
    assert len(list(tmp_path.iterdir())) == 2
    made.close()
    made.close()
    assert list(tmp_path.iterdir()) == []
