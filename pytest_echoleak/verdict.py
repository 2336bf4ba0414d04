"""The verdict: series of growth per stack in, findings and a decision out. No I/O, no clock.

Each place in the user's code is judged (its stacks folded by their nearest own frame), each
goroutine's entry function, what only shows where places are added up (judging.py), and the process
as a whole; how one growth is judged is trends.py's.

Many places are many chances to err. A place is accused only if chance alone would make one of ALL
places that moved look so in fewer than one of ten million looks (steadiness.py); the many looks and
beginnings of lines within a check cost two powers of ten of that. A leak is one place, and missed
with the chance that this one errs: one in 1,000 (trends.py). tests/simulation measures both.

- No growth that is not excluded, and enough iterations: *clean*.
- Steady growth of heap is a *leak* once it went on for `plateau` iterations, or for as many as the
  check had time for: a cache that fills looks the same until it is full. A thousand goroutines, one
  by one, are no pool: they end the check at once. What does not keep step with the iterations may
  be the clock's: it is called after an idle round in which it did not grow, and a round of load in
  which it grew again. Goroutines of a library's end the check when a line of the user's is seen to
  leak with them, or none may.
- Goroutines that came and that the collector proves unreachable end the check at once: nothing can
  ever wake them. A handful in all may have been made once and for ever: they must be as many as
  leaks at `detect`.
- What is still unclear when no more iterations are to be had is *inconclusive*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import sub
from typing import Literal

from pytest_echoleak.allowing import Allowance
from pytest_echoleak.findings import SHARED_ENTRIES, findings_of
from pytest_echoleak.folding import Fold, Folds, fold_series
from pytest_echoleak.judging import judge_places
from pytest_echoleak.options import NO_EVENT_FACTOR
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.results import Bounds, Finding
from pytest_echoleak.series import Growth, Held, Kind, Series
from pytest_echoleak.steadiness import ENOUGH_SHARE
from pytest_echoleak.tempo import keeps_time
from pytest_echoleak.tolerance import Tolerance
from pytest_echoleak.trends import Trend, trend

_SURE_GOROUTINES = 1_000
FEWEST_PROVEN = 3
_STEP_RATIO = 0.9
_STEP_OBJECTS = 5
_STEP_SHARE = 0.1
# A healthy net/http service fills caches of its own for thousands of requests, up to 0.06 objects
# each, spread over many stacks: totals see nothing smaller. From MemStats also: 10 objects in 300.
_TOTALS_FLOOR_OBJECTS = 0.1
_TOTALS_FLOOR_BYTES = 32.0


@dataclass(frozen=True)
class Judgement:
    """What the series measured so far say.

    - `steady`: findings that grew steadily; `unclear`: those that only more iterations can judge.
    - `folds`: what the findings of both were made of; `made_of`: each of them by itself.
    - `certain`: the steady ones need no more iterations to be called leaks; `proven`: for some the
      collector proves that they can never end.
    - `too_short`: whatever grew or not, so few iterations cannot show a leak as rare as `detect`.
    - `untouched`: nothing at all stayed, beside what was accepted: `tolerated` tells that something
      grew within the tolerance, `allowed` that something did which an Allow matches.
    - `by_clock`: something grew by the second, whatever the requests, and is left out.
    - `rest_grows`: without the places that grow the process grew steadily, through many.
    - `exact`: every allocation was recorded.
    """

    steady: tuple[Finding, ...]
    unclear: tuple[Finding, ...]
    folds: tuple[Fold, ...]
    certain: bool
    proven: bool
    too_short: bool
    untouched: bool
    by_clock: bool
    tolerated: bool
    allowed: bool
    rest_grows: bool
    exact: bool
    unused_allows: tuple[str, ...]
    made_of: Mapping[Finding, tuple[Fold, ...]] = field(default_factory=dict)


def judge(
    series: Series,
    ownership: Ownership,
    *,
    detect: float,
    tolerance: Tolerance,
    allowances: Sequence[Allowance] = (),
    before: Mapping[tuple[Allowance, Kind], Held] | None = None,
) -> Judgement:
    """Return what `series` say, with what `tolerance` and `allowances` accept left out.

    `before`: what the allowances' stacks held when the check began (allowing.held_before).
    """
    grown = fold_series(series, ownership, allowances, before)
    folds = _without_the_clocks(grown, series)
    judged = [fold for fold in folds.open if series.exact or fold.kind == "goroutine"]
    growing = judge_places(judged, series.iterations, detect, ownership)
    beyond = _beyond_tolerance(growing, series, tolerance)
    exceeded = list(folds.exceeded)
    if not exceeded and not any(map(_tells_of_heap, beyond)):
        totals = _judge_totals(series, folds, detect)
        growing += totals
        beyond += _beyond_tolerance(totals, series, tolerance)
    proven = [fold for fold, _ in beyond if _is_proven(fold, series.iterations, detect)]
    steady = [fold for fold, found in beyond if found is Trend.STEADY or fold in proven] + exceeded
    unclear = [fold for fold, _ in beyond if fold not in steady]
    beside = _beside(unclear, [fold for fold in steady if _sure(fold) or fold in proven])
    steady += beside
    unclear = [fold for fold in unclear if not any(fold.parts is one.parts for one in beside)]
    found_steady = findings_of(steady, series, ownership)
    found_unclear = findings_of(unclear, series, ownership)
    return Judgement(
        steady=tuple(found_steady),
        unclear=tuple(found_unclear),
        folds=(*steady, *unclear),
        certain=bool(exceeded)
        or (
            any(_sure(fold) or fold in proven for fold in steady)
            and not _is_nobodys(steady, unclear)
        ),
        proven=any(fold in proven for fold in steady),
        too_short=sum(series.iterations) * detect < NO_EVENT_FACTOR,
        untouched=not any(map(_grew, grown.open)),
        by_clock=len(folds.open) < len(grown.open),
        tolerated=len(beyond) < len(growing),
        allowed=any(map(_grew, folds.allowed)),
        rest_grows=_rest_grows(series, folds, growing, detect),
        exact=series.exact,
        unused_allows=folds.unused_allows,
        made_of={**found_steady, **found_unclear},
    )


def _without_the_clocks(folds: Folds, series: Series) -> Folds:
    """Leave out the places on the heap that grow by the second, whatever the requests."""
    kept = tuple(
        fold for fold in folds.open if fold.kind != "heap" or not keeps_time(fold.growth, series)
    )
    return replace(folds, open=kept)


def folds_of(judgement: Judgement, findings: Sequence[Finding]) -> list[Fold]:
    """Return what some of a judgement's findings are made of."""
    return [fold for one in findings for fold in judgement.made_of[one]]


def conclude(
    judgement: Judgement, *, exhausted: bool
) -> Literal["leak", "clean", "inconclusive"] | None:
    """Return the verdict, None where more iterations must tell.

    `exhausted`: no more iterations are to be had, because of a limit of the user's or of ours.
    """
    if judgement.certain:
        return "leak"
    if not (judgement.steady or judgement.unclear or judgement.too_short):
        return "clean"
    if not exhausted:
        return None
    return "leak" if judgement.steady else "inconclusive"


def bounds(
    judgement: Judgement, iterations: int, detect: float, *, identical: bool
) -> Bounds | None:
    """Return what so many iterations exclude: the rate of leaking ones, at 99.9 %.

    Where nothing at all stayed that is 6.9 / n; where something did and stopped, `detect`. Totals
    without sites see nothing below their own noise. What a tolerance accepts may well be a leak of
    every iteration: None.
    """
    if judgement.tolerated:
        return None
    rate = NO_EVENT_FACTOR / iterations if judgement.untouched else detect
    floor = 0.0 if judgement.exact else _TOTALS_FLOOR_OBJECTS
    return Bounds(max(rate, floor), detect, identical_requests=identical)


def _tells_of_heap(one: tuple[Fold, Trend]) -> bool:
    """Tell whether a place grows on the heap, or several together do so steadily."""
    fold, does = one
    return fold.kind == "heap" and (does is Trend.STEADY or not fold.spread)


def _grew(fold: Fold) -> bool:
    return sum(fold.growth.count) > 0 or sum(fold.growth.bytes) > 0


def _beside(unclear: Sequence[Fold], goroutines: Sequence[Fold]) -> list[Fold]:
    """Return the growth of heap that came with these goroutines, which end the check too early.

    What they allocated themselves is theirs. What grew in step with them may be a cache that fills:
    that is said.
    """
    entries = {fold.stack[-1].function for fold in goroutines if fold.stack} - SHARED_ENTRIES
    found = []
    for fold in unclear:
        if fold.kind == "heap" and fold.stack and fold.stack[-1].function in entries:
            found.append(fold)
        elif fold.kind == "heap" and any(_in_step(fold, one) for one in goroutines):
            found.append(replace(fold, beside=True))
    return found


def _is_nobodys(steady: Sequence[Fold], unclear: Sequence[Fold]) -> bool:
    """Tell whether no line of the user's grows for certain, while one may: who started these?"""
    may = any(fold.own and fold.kind == "heap" and _grew(fold) for fold in unclear)
    return may and not any(fold.own for fold in steady)


def _in_step(heap: Fold, goroutines: Fold) -> bool:
    came_in_all = sum(goroutines.growth.count)
    if came_in_all <= 0:
        return False
    ratio = sum(heap.growth.count) / came_in_all
    return ratio >= _STEP_RATIO and all(
        abs(count - ratio * came) <= _STEP_OBJECTS + _STEP_SHARE * ratio * came
        for count, came in zip(heap.growth.count, goroutines.growth.count, strict=True)
    )


def _is_proven(fold: Fold, iterations: Sequence[int], detect: float) -> bool:
    return fold.unreachable >= max(FEWEST_PROVEN, ENOUGH_SHARE * detect * sum(iterations))


def _sure(fold: Fold) -> bool:
    return fold.kind == "goroutine" and sum(fold.growth.count) >= _SURE_GOROUTINES


def _beyond_tolerance(
    growing: Sequence[tuple[Fold, Trend]], series: Series, tolerance: Tolerance
) -> list[tuple[Fold, Trend]]:
    """Return what grows, without the kinds that the tolerance accepts as a whole."""
    kinds: tuple[Kind, ...] = ("heap", "goroutine")
    accepted = {
        kind
        for kind in kinds
        if tolerates(
            tolerance,
            kind,
            count=sum(sum(fold.growth.count) for fold, _ in growing if fold.kind == kind),
            size_bytes=sum(sum(fold.growth.bytes) for fold, _ in growing if fold.kind == kind),
            iterations=sum(series.iterations),
        )
    }
    return [(fold, found) for fold, found in growing if fold.kind not in accepted]


def tolerates(
    tolerance: Tolerance, kind: Kind, *, count: float, size_bytes: float, iterations: int
) -> bool:
    """Tell whether growth by `count` (objects or goroutines) and `size_bytes` is accepted.

    Of the limits that concern the kind, at least one is set and all that are set hold.
    """
    limits: list[tuple[float | None, float]]
    if kind == "goroutine":
        limits = [
            (tolerance.goroutines_per_iteration, count / iterations),
            (tolerance.goroutines, count),
        ]
    else:
        limits = [
            (tolerance.bytes_per_iteration, size_bytes / iterations),
            (tolerance.objects_per_iteration, count / iterations),
            (tolerance.bytes, size_bytes),
        ]
    chosen = [(limit, value) for limit, value in limits if limit is not None]
    return bool(chosen) and all(value <= limit for limit, value in chosen)


def _judge_totals(series: Series, folds: Folds, detect: float) -> list[tuple[Fold, Trend]]:
    """Judge the process as a whole, for what no single place shows; its face is what grew most.

    Empty where the whole does not grow.
    """
    growth = _process_growth(series, folds)
    found = _trend_of_process(growth, series, detect)
    if found is Trend.EXCLUDED:
        return []
    heap = [fold for fold in folds.open if fold.kind == "heap" and sum(fold.growth.bytes) > 0]
    largest = max(heap, key=lambda fold: sum(fold.growth.bytes), default=None)
    if largest is None:
        return [(Fold.of_process(growth), found)]
    parts = {
        stack: one
        for fold in folds.open
        if fold.kind == "heap"
        for stack, one in fold.parts.items()
    }
    return [(replace(largest, growth=growth, parts=parts, whole_process=True), found)]


def _trend_of_process(growth: Growth, series: Series, detect: float) -> Trend:
    """Return what the growth of many places together does: a little of it is the runtime's."""
    iterations = sum(series.iterations)
    if (
        sum(growth.count) < _TOTALS_FLOOR_OBJECTS * iterations
        and sum(growth.bytes) < _TOTALS_FLOOR_BYTES * iterations
    ):
        return Trend.EXCLUDED
    return trend(growth, series.iterations, max(detect, _TOTALS_FLOOR_OBJECTS))


def _rest_grows(
    series: Series, folds: Folds, growing: Sequence[tuple[Fold, Trend]], detect: float
) -> bool:
    """Tell whether the process grows steadily beside the places that do: through many others."""
    counted = {stack for fold, _ in growing if fold.kind == "heap" for stack in fold.parts}
    if not series.exact or not counted:
        return False
    rest = [
        growth
        for fold in folds.open
        if fold.kind == "heap"
        for stack, growth in fold.parts.items()
        if stack not in counted
    ]
    growth = Growth.total(rest, len(series.iterations))
    return _trend_of_process(growth, series, detect) is Trend.STEADY


def _process_growth(series: Series, folds: Folds) -> Growth:
    """Return the growth of the whole heap, without what is allowed (by samples: an estimate)."""
    rounds = len(series.iterations)
    if series.exact:
        return _sum_growth(folds.open, rounds)
    allowed = _sum_growth(folds.allowed, rounds)
    return Growth(
        tuple(map(sub, series.totals.count, allowed.count)),
        tuple(map(sub, series.totals.bytes, allowed.bytes)),
    )


def _sum_growth(folds: Sequence[Fold], rounds: int) -> Growth:
    return Growth.total((fold.growth for fold in folds if fold.kind == "heap"), rounds)
