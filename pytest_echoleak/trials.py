"""The trials behind an attribution: requests sent alone, after a leak was found."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from pytest_echoleak.attribution import Trial, leaks
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.errors import EcholeakError, ServiceError, SnapshotError
from pytest_echoleak.measurement import Clock, Measurement
from pytest_echoleak.options import Options
from pytest_echoleak.results import Progress
from pytest_echoleak.series import Kind, Round
from pytest_echoleak.service import EchoService
from pytest_echoleak.workload.driver import Driver, driving
from pytest_echoleak.workload.workload import Call, Requests, Workload

# Of all trials of a check. A trial that has no time left is not made.
_SECONDS = 10.0
_KINDS: tuple[Kind, ...] = ("heap", "goroutine")
_SHARE_OF_REST = 0.5
_FEWEST_SECONDS = 0.5
_EVENTS = 30
_FEWEST, _MOST = 60, 1_500


def attributed(
    clues: Sequence[Clues],
    service: EchoService,
    workload: Workload,
    options: Options,
    seconds_left: float,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Clues, ...]:
    """Return `clues` with what trials say of each: which request leaks, and how often.

    As they are where the workload is one request that is always the same, and where there is no
    time. Whatever goes wrong in a trial ends the trials, not the check: its verdict stands.
    """
    rates = [one.finding.rate for one in clues]
    measurable = [rate for rate in rates if rate > 0]
    seconds = min(_SECONDS, seconds_left * _SHARE_OF_REST)
    if not measurable or not _has_parts(workload) or seconds < _FEWEST_SECONDS:
        return tuple(clues)
    clock = Clock(time.monotonic(), seconds)
    trials = _Trials(service, clues, options.concurrency, clock, progress)
    sent = max(_FEWEST, min(math.ceil(_EVENTS / min(measurable)), _MOST))
    try:
        done = list(trials.of(workload, sent))
    except EcholeakError:
        return tuple(clues)
    return tuple(
        replace(one, trials=tuple(replace(trial, came=came[place]) for trial, came in done))
        for place, one in enumerate(clues)
    )


def _has_parts(workload: Workload) -> bool:
    several = not isinstance(workload, Call) and len(workload.templates) > 1
    return several or _is_numbered(workload)


def _is_numbered(workload: Workload) -> bool:
    return workload.numbered if isinstance(workload, Call) else not workload.identical


# A trial, and what came of each finding.
_Tried: TypeAlias = tuple[Trial, tuple[float, ...]]


class _Trials:
    def __init__(
        self,
        service: EchoService,
        clues: Sequence[Clues],
        concurrency: int,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._service = service
        self._clues = clues
        self._rates = [one.finding.rate for one in clues]
        self._concurrency = concurrency
        self._clock = clock
        self._progress = progress

    def of(self, workload: Workload, sent: int) -> Iterator[_Tried]:
        """Make the trials of a workload, each of `sent` iterations, while there is time.

        One number can only be sent again and again where nothing else is in flight.
        """
        parts = [workload]
        if not isinstance(workload, Call):
            parts = [Requests((template,)) for template in workload.templates]
        alone = [self._trial(part, sent) for part in parts] if len(parts) > 1 else []
        known = [trial for trial in alone if trial is not None]
        if len(known) < len(alone):
            return
        yield from known
        for number, part in enumerate(parts if self._concurrency == 1 else []):
            if _is_numbered(part) and (not alone or self._leaks(known[number])):
                trial = self._trial(part, sent, same_value=True)
                if trial is None:
                    return
                yield trial

    def _leaks(self, tried: _Tried) -> bool:
        trial, came = tried
        return any(
            leaks(rate, replace(trial, came=count))
            for rate, count in zip(self._rates, came, strict=True)
        )

    def _trial(self, workload: Workload, sent: int, *, same_value: bool = False) -> _Tried | None:
        """Return what came of it, None where the time was up."""
        trial = Trial(workload.label, sent, same_value=same_value)
        with driving(workload, lambda: self._service.base_url, self._concurrency) as driver:
            chosen = _SameValue(driver, self._service.take_numbers(1)) if same_value else driver
            measurement = Measurement(
                self._service, chosen, workload.label, self._clock, self._progress
            )
            try:
                # The first call with a value may leave what all later ones find.
                measurement.warm_up(1)
                measurement.round(sent)
            except (KeyboardInterrupt, SystemExit, ServiceError, SnapshotError):
                raise
            except BaseException:
                return replace(trial, refused=True), (0.0,) * len(self._clues)
        if not measurement.rounds or measurement.rounds[0].iterations < sent:
            return None
        return trial, self._came(measurement.rounds[0])

    def _came(self, measured: Round) -> tuple[float, ...]:
        grown: dict[tuple[Kind, tuple[str, ...]], float] = defaultdict(float)
        for kind in _KINDS:
            for stack, change in measured.changes(kind).items():
                grown[kind, tuple(f"{frame.function}:{frame.line}" for frame in stack)] += (
                    change.count
                )
        return tuple(sum(grown[place] for place in _places(one)) for one in self._clues)


def _places(clues: Clues) -> set[tuple[Kind, tuple[str, ...]]]:
    """Return what the finding's rate counts: goroutines where it has any, else objects."""
    counted = clues.goroutines or clues.heap
    return {
        (one.kind, tuple(f"{frame.function}:{frame.line}" for frame in one.stack))
        for one in counted
    }


class _SameValue:
    """Sends iterations that all have one number."""

    def __init__(self, driver: Driver, number: int) -> None:
        self._driver = driver
        self._number = number

    def run(self, first: int, count: int) -> None:
        """Run `count` iterations, whatever their numbers."""
        del first
        for _ in range(count):
            self._driver.run(self._number, 1)

    def rest(self) -> None:
        """Close every connection."""
        self._driver.rest()
