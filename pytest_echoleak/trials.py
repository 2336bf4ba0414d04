"""The trials behind an attribution: requests sent alone, after a leak was found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_echoleak.attribution import Attribution, Trial, attribute, leaking
from pytest_echoleak.errors import EcholeakError, WorkloadError
from pytest_echoleak.measurement import Clock, Measurement
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.results import Progress
from pytest_echoleak.series import Kind, Round
from pytest_echoleak.service import EchoService
from pytest_echoleak.workload.driver import Driver, driving
from pytest_echoleak.workload.workload import Call, Requests, Workload

# Of all trials of a check. A trial that has no time left is not made.
_SECONDS = 10.0
_SHARE_OF_REST = 0.5
_EVENTS = 30
_FEWEST, _MOST = 60, 1_500


@dataclass(frozen=True)
class Suspect:
    """What a finding counts: its stacks, and how many came in each iteration."""

    stacks: Collection[tuple[Kind, Stack]]
    rate: float


def attributions(
    service: EchoService,
    workload: Workload,
    suspects: Sequence[Suspect],
    concurrency: int,
    seconds_left: float,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Attribution, ...]:
    """Return what trials say of each of `suspects`; nothing where there is no time for them.

    Whatever goes wrong in a trial ends the trials, not the check: its verdict stands.
    """
    nothing = tuple(Attribution() for _ in suspects)
    rates = [one.rate for one in suspects if one.rate > 0]
    if not rates or not _has_parts(workload):
        return nothing
    seconds = min(_SECONDS, seconds_left * _SHARE_OF_REST)
    clock = Clock(time.monotonic(), seconds)
    trials = _Trials(service, suspects, concurrency, clock, progress)
    sent = max(_FEWEST, min(math.ceil(_EVENTS / min(rates)), _MOST))
    try:
        done = list(trials.of(workload, sent))
    except EcholeakError:
        return nothing
    return tuple(attribute(place, one.rate, done) for place, one in enumerate(suspects))


def _has_parts(workload: Workload) -> bool:
    several = not isinstance(workload, Call) and len(workload.templates) > 1
    return several or _is_numbered(workload)


def _is_numbered(workload: Workload) -> bool:
    return workload.numbered if isinstance(workload, Call) else not workload.identical


class _Trials:
    def __init__(
        self,
        service: EchoService,
        suspects: Sequence[Suspect],
        concurrency: int,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._service = service
        self._suspects = suspects
        self._concurrency = concurrency
        self._clock = clock
        self._progress = progress

    def of(self, workload: Workload, sent: int) -> Iterator[Trial]:
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

    def _leaks(self, trial: Trial) -> bool:
        return any(leaking(place, one.rate, [trial]) for place, one in enumerate(self._suspects))

    def _trial(self, workload: Workload, sent: int, *, same_value: bool = False) -> Trial | None:
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
            except WorkloadError:
                return replace(trial, refused=True)
        if not measurement.rounds or measurement.rounds[0].iterations < sent:
            return None
        return replace(trial, came=self._came(measurement.rounds[0]))

    def _came(self, measured: Round) -> tuple[float, ...]:
        return tuple(
            sum(
                change.count
                for kind, stack in one.stacks
                if (change := measured.changes(kind).get(stack)) is not None
            )
            for one in self._suspects
        )


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
