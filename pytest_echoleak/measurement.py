"""One measurement: load in rounds, a settled snapshot after each, and what went wrong between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from pytest_echoleak.errors import IterationError, ServiceError, WorkloadError
from pytest_echoleak.results import Progress
from pytest_echoleak.series import Round
from pytest_echoleak.service import EchoService
from pytest_echoleak.services.instance import last_words, wait_for_ending
from pytest_echoleak.snapshots.snapshot import Snapshot, restarted
from pytest_echoleak.text import with_log
from pytest_echoleak.workload.driver import Driver

_BATCH_SECONDS = 0.25
_LARGEST_BATCH = 1_000
_PARTS_BETWEEN_PAUSES = 8
_WARM_UP_SHARE = 0.25  # of the time limit


@dataclass(frozen=True)
class Clock:
    """The time limit of a check, and when it began. Monotonic seconds."""

    began: float
    limit_seconds: float

    @staticmethod
    def start(limit_seconds: float) -> Clock:
        """Return a clock that starts now."""
        return Clock(time.monotonic(), limit_seconds)

    @property
    def seconds(self) -> float:
        """Seconds since the check began."""
        return time.monotonic() - self.began

    @property
    def share(self) -> float:
        """How much of the time has passed: 1 when it is up."""
        return self.seconds / self.limit_seconds

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.seconds >= self.limit_seconds


class Measurement:
    """Drives one service and snapshots it. Keeps the rounds; decides nothing."""

    def __init__(
        self,
        service: EchoService,
        driver: Driver,
        label: str,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._service = service
        self._driver = driver
        self._label = label
        self._clock = clock
        self._progress = progress
        self._identity = service.instance.identity()
        self._batch = 10
        self.warmed_up = 0
        self.rounds: list[Round] = []
        self.first: Snapshot | None = None
        self.last: Snapshot | None = None

    def warm_up(self, iterations: int) -> None:
        """Run iterations that are not measured, then take the first snapshot.

        Slow ones are fewer: most of the time is for what is measured.
        """
        limit = Clock(self._clock.began, self._clock.limit_seconds * _WARM_UP_SHARE)
        self.warmed_up = self._drive(iterations, "warm-up", clock=limit)
        self.first = self.last = self._snapshot(None)

    def round(self, iterations: int, pause: float = 0.0, *, slow: bool = False) -> None:
        """Run one round, a shorter one where the time is up, and snapshot it.

        `pause`: for how long to rest after a moment of load, as a multiple of what that took;
        `slow`: that is done to compare this round with others.
        """
        assert self.last is not None, "warm_up comes first"
        before = self.last
        done = self._drive(iterations, f"round {len(self.rounds) + 1}", pause)
        self.last = self._snapshot(before)
        if done:
            self.rounds.append(Round(done, before, self.last, slow))

    def idle(self, seconds: float) -> Round:
        """Take the same snapshots with no load in between, for `seconds`."""
        assert self.last is not None, "warm_up comes first"
        before = self.last
        self._report("idle", 0, 0)
        time.sleep(seconds)
        self.last = self._snapshot(before)
        return Round(0, before, self.last)

    def whole(self) -> Round:
        """Return the check until now as a single round."""
        assert self.first is not None, "warm_up comes first"
        assert self.last is not None, "warm_up comes first"
        return Round(self.iterations, self.first, self.last)

    @property
    def seconds_of_load(self) -> float:
        """How long the measured iterations took, with the snapshots behind them."""
        return sum(item.seconds for item in self.rounds)

    @property
    def iterations(self) -> int:
        """The measured iterations of all rounds."""
        return sum(item.iterations for item in self.rounds)

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._clock.over

    def restarted(self) -> bool:
        """Whether the service is another process by now than the one that was first measured."""
        return self.first is None or self.first.identity != self._service.instance.identity()

    def replay(self, iterations: int) -> int:
        """Run iterations of which nothing is measured, in a service that may have been restarted.

        Returns how many there was time for.
        """
        self._identity = self._service.instance.identity()
        return self._drive(iterations, "replay")

    def _drive(
        self, iterations: int, phase: str, pause: float = 0.0, clock: Clock | None = None
    ) -> int:
        done = 0
        parts = _PARTS_BETWEEN_PAUSES if pause else 1
        clock = clock or self._clock
        while done < iterations and not clock.over:
            count = min(max(self._batch // parts, 1), iterations - done)
            began = time.monotonic()
            first = self._service.take_numbers(count)
            try:
                self._driver.run(first, count)
            except IterationError as error:
                self._driver.rest()
                place = f"{phase}, iteration {done + error.number - first + 1:,} of {iterations:,}"
                self._explain(error, place)
            seconds = time.monotonic() - began
            if pause:
                time.sleep(pause * seconds)
            else:
                self._adapt(count, seconds)
            done += count
            self._report(phase, done, iterations)
        self._driver.rest()
        return done

    def _snapshot(self, previous: Snapshot | None) -> Snapshot:
        self._service.close_sessions_connections()
        snapshot = self._service.source.take(previous)
        if snapshot.identity != self._identity:
            raise restarted(self._service.instance)
        return snapshot

    def _adapt(self, count: int, seconds: float) -> None:
        """Choose batches that last a moment: for the progress line, and for the time limit."""
        if seconds < _BATCH_SECONDS / 2:
            self._batch = min(count * 2, _LARGEST_BATCH)
        elif seconds > _BATCH_SECONDS * 2:
            self._batch = max(count // 2, 1)

    def _explain(self, error: IterationError, place: str) -> NoReturn:
        """Say what the service answered or how it ended, where, and what it printed."""
        instance = self._service.instance
        if error.__cause__:
            wait_for_ending(instance)
        ending = instance.ending()
        log = last_words(instance)
        if ending is not None:
            text = f"{instance.name} ended ({ending}) in {place} of the check: {error.what}"
            raise ServiceError(with_log(text, log)) from error
        if instance.identity() != self._identity:
            raise restarted(instance) from error
        raise WorkloadError(with_log(f"{error.what}\n\nIn {place}, {instance.name}.", log)) from (
            error.__cause__
        )

    def _report(self, phase: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(Progress(self._label, phase, done, total, self._clock.seconds))
