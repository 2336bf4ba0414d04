"""A round of load, sent as fast as it goes or with pauses in between."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pytest_echoleak.measurement import Clock, Measurement
from pytest_echoleak.snapshots.snapshot import Snapshot
from tests.made_snapshots import snapshot


class Service:
    """One that answers at once, and writes down what it was sent."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.slept: list[float] = []

    @property
    def instance(self) -> Service:
        """Its process."""
        return self

    @property
    def source(self) -> Service:
        """Where its snapshots come from."""
        return self

    def identity(self) -> str:
        """Name the process."""
        return "one"

    def take(self, _previous: Snapshot | None) -> Snapshot:
        """Take a snapshot."""
        return snapshot()

    def take_numbers(self, _count: int) -> int:
        """Return the first number of some."""
        return len(self.sent)

    def run(self, _first: int, count: int) -> None:
        """Send so many iterations."""
        self.sent.append(count)

    def rest(self) -> None:
        """Close what is open."""

    close_sessions_connections = rest


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service, and a clock by which nothing takes long."""
    made = Service()
    monkeypatch.setattr("time.sleep", made.slept.append)
    return made


def measured(service: Service) -> Measurement:
    """Return a measurement that is warmed up."""
    made = Measurement(cast(Any, service), cast(Any, service), "GET /", Clock.start(60), None)
    made.warm_up(5_000)
    service.sent.clear()
    return made


def test_a_slow_warm_up_leaves_most_of_the_time_to_what_is_measured(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])

    def run(_first: int, count: int) -> None:
        service.sent.append(count)
        seconds[0] += 0.5 * count

    monkeypatch.setattr(service, "run", run)
    made = Measurement(cast(Any, service), cast(Any, service), "GET /", Clock.start(60), None)
    made.warm_up(200)
    assert 30 <= made.warmed_up < 45
    made.round(200)
    assert made.iterations > 75


@pytest.mark.parametrize("pause", [0.0, 2.0])
def test_a_round_sends_all_its_iterations(service: Service, pause: float) -> None:
    made = measured(service)
    made.round(4_000, pause)
    assert sum(service.sent) == 4_000
    assert [one.iterations for one in made.rounds] == [4_000]


def test_a_slow_round_rests_between_short_moments_of_load(service: Service) -> None:
    made = measured(service)
    made.round(4_000)
    assert (max(service.sent), service.slept) == (1_000, [])
    service.sent.clear()
    made.round(4_000, 2.0)
    assert max(service.sent) == 125
    assert len(service.slept) == len(service.sent) == 32
    made.round(1_000)
    assert service.sent[-1] == 1_000
