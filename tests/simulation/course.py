"""The course of a whole check over a made-up service, as check.py takes it, without the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from pytest_echoleak.allowing import Allowance
from pytest_echoleak.expiry import gone
from pytest_echoleak.options import Options
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.schedule import confirming_round, is_clear, next_round, waits_for
from pytest_echoleak.series import Growth, Series
from pytest_echoleak.services.instance import Module
from pytest_echoleak.tolerance import Tolerance
from pytest_echoleak.verdict import Judgement, conclude, folds_of, judge
from tests.simulation.places import Level, Place


class _Remembering(Ownership):
    """Looks each frame up once for all checks: that is most of what a made-up check costs."""

    _known: ClassVar[dict[Frame, bool]] = {}

    def is_own(self, frame: Frame) -> bool:
        known = self._known.get(frame)
        if known is None:
            known = self._known[frame] = super().is_own(frame)
        return known


OWN = _Remembering((Module("example.com/shop"),), ())


@dataclass(frozen=True)
class Course:
    """How a check went: its verdict, the rounds it took, and the last judgement."""

    verdict: str
    iterations: tuple[int, ...]
    judgement: Judgement


class MadeService:
    """A service of made-up places: what they hold is read after each round, as snapshots are."""

    def __init__(self, places: Sequence[Place], warmup: int, *, exact: bool = True) -> None:
        self._places = places
        self._exact = exact
        self._iterations: list[int] = []
        self._done = warmup
        self._levels: list[list[Level]] = [[place.level(warmup)] for place in places]

    @property
    def iterations(self) -> tuple[int, ...]:
        """The measured iterations of each round so far."""
        return tuple(self._iterations)

    def round(self, iterations: int) -> None:
        """Measure a round."""
        self._iterations.append(iterations)
        self._done += iterations
        for place, levels in zip(self._places, self._levels, strict=True):
            levels.append(place.level(self._done))

    def series(self) -> Series:
        """Return what grew in each round."""
        return self._series(self.iterations, self._levels)

    def rested(self) -> Series:
        """Return what grew in all rounds and was still there after some idle seconds, as one."""
        levels = [
            [levels[0], levels[-1] if place.rested is None else place.rested]
            for place, levels in zip(self._places, self._levels, strict=True)
        ]
        return self._series((sum(self._iterations),), levels)

    def _series(self, iterations: tuple[int, ...], levels: list[list[Level]]) -> Series:
        kinds: tuple[dict[Stack, Growth], dict[Stack, Growth]] = ({}, {})
        for place, held in zip(self._places, levels, strict=True):
            if all(level == held[0] for level in held):
                continue
            growth = Growth(
                tuple(now[0] - before[0] for before, now in pairwise(held)),
                tuple(now[1] - before[1] for before, now in pairwise(held)),
            )
            kinds[place.goroutine][place.stack] = growth
        totals = Growth.total(kinds[0].values(), len(iterations))
        return Series(iterations, self._exact, kinds[0], kinds[1], totals)


def take(
    places: Sequence[Place],
    options: Options | None = None,
    *,
    allowances: Sequence[Allowance] = (),
    exact: bool = True,
) -> Course:
    """Take the course of a check on a service with these places."""
    options = options or Options()
    service = MadeService(places, options.warmup, exact=exact)
    share, more = divmod(options.measured_iterations, options.rounds)
    for number in range(options.rounds):
        service.round(share + (number < more))
    confirmed = False
    while True:
        judgement = judged(service.series(), options, allowances)
        verdict = conclude(judgement, exhausted=False)
        done = sum(service.iterations)
        wanted = 0
        if verdict is None:
            steady = folds_of(judgement, judgement.steady)
            unclear = folds_of(judgement, judgement.unclear)
            wanted = next_round(
                done,
                options.plateau,
                steady=is_clear(steady, service.iterations, options.detect, options.plateau),
                last_grew=waits_for(unclear, steady, service.iterations, options.plateau),
            )
        if not wanted and not confirmed and verdict is None and options.plateau:
            steady = folds_of(judgement, judgement.steady)
            wanted = confirming_round(service.iterations, steady, options.detect)
            confirmed = wanted > 0
        if not wanted:
            break
        service.round(wanted)
    final = conclude(judgement, exhausted=True)
    assert final is not None, "an exhausted check has a verdict"
    may_go = final == "inconclusive" and not (judgement.too_short or judgement.rest_grows)
    if may_go and gone(judgement.folds, service.rested(), options.detect):
        final = "clean"
    return Course(final, service.iterations, judgement)


def judged(series: Series, options: Options, allowances: Sequence[Allowance] = ()) -> Judgement:
    """Judge a series for the made-up service."""
    return judge(series, OWN, detect=options.detect, tolerance=Tolerance(), allowances=allowances)
