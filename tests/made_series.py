"""Series made of made-up growth, and the course of a check over them, without any service."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_echoleak.allowing import Allowance
from pytest_echoleak.options import Options
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.schedule import is_clear, next_round
from pytest_echoleak.series import Growth, Held, Kind, Series
from pytest_echoleak.services.instance import Module
from pytest_echoleak.tolerance import Tolerance
from pytest_echoleak.verdict import Judgement, conclude, folds_of, judge

OWN = Ownership((Module("example.com/shop"),), ())
SERVE = Frame("net/http.(*conn).serve", "/go/src/net/http/server.go", 2000)
HANDLER = Frame("example.com/shop.handle", "/src/shop/shop.go", 42)
SITE: Stack = (HANDLER, SERVE)
WAITING: Stack = (Frame("example.com/shop.wait", "/src/shop/wait.go", 7),)
Grow = Callable[[int, int], tuple[float, float]]
"""From iteration `first` on, so many iterations: how many objects and bytes stay."""


def series(
    iterations: Sequence[int],
    heap: Mapping[Stack, Growth] | None = None,
    goroutines: Mapping[Stack, Growth] | None = None,
    *,
    exact: bool = True,
    totals: Growth | None = None,
) -> Series:
    """Return a series; without `totals` the process grows by what its stacks do."""
    sites = list((heap or {}).values())
    if totals is None:
        rounds = range(len(iterations))
        totals = Growth(
            tuple(sum(one.count[k] for one in sites) for k in rounds),
            tuple(sum(one.bytes[k] for one in sites) for k in rounds),
        )
    return Series(tuple(iterations), exact, heap or {}, goroutines or {}, totals)


def growth(counts: Sequence[float], size_bytes: int = 64) -> Growth:
    """Return a growth by so many objects of one size per round."""
    return Growth(tuple(counts), tuple(count * size_bytes for count in counts))


def judged(
    what: Series,
    *,
    detect: float = 0.01,
    tolerance: Tolerance | None = None,
    allowances: Sequence[Allowance] = (),
    before: Mapping[tuple[Allowance, Kind], Held] | None = None,
) -> Judgement:
    """Judge a series for the service of this module."""
    return judge(
        what,
        OWN,
        detect=detect,
        tolerance=tolerance or Tolerance(),
        allowances=allowances,
        before=before,
    )


@dataclass(frozen=True)
class Course:
    """How a check went: its verdict, the rounds it took, and the last judgement."""

    verdict: str
    iterations: tuple[int, ...]
    judgement: Judgement


def check(grow: Grow, *, goroutines: bool = False, options: Options | None = None) -> Course:
    """Take the course of a check on a service that grows at one place as `grow` tells."""
    options = options or Options()
    share, more = divmod(options.measured_iterations, options.rounds)
    iterations = [share + (number < more) for number in range(options.rounds)]
    grown: list[tuple[float, float]] = []
    while True:
        for place in range(len(grown), len(iterations)):
            first = options.warmup + sum(iterations[:place])
            grown.append(grow(first, iterations[place]))
        what = Growth(tuple(c for c, _ in grown), tuple(b for _, b in grown))
        made = (
            series(iterations, goroutines={WAITING: what})
            if goroutines
            else series(iterations, {SITE: what})
        )
        judgement = judged(made, detect=options.detect)
        verdict = conclude(judgement, exhausted=False)
        wanted = 0
        if verdict is None:
            steady = folds_of(judgement, judgement.steady)
            clear = is_clear(steady, iterations, options.detect, options.plateau)
            wanted = next_round(sum(iterations), options.plateau, steady=clear)
        if not wanted:
            final = conclude(judgement, exhausted=True)
            assert final is not None
            return Course(final, tuple(iterations), judgement)
        iterations.append(wanted)


def leaking(objects: int, size_bytes: int = 64) -> Grow:
    """Return a growth by so many objects in every iteration."""
    return lambda _first, count: (objects * count, objects * count * size_bytes)


def at_random(rate: float, seed: int, size_bytes: int = 64) -> Grow:
    """Return a growth by one object in iterations that come at random."""
    source = random.Random(seed)

    def grow(_first: int, count: int) -> tuple[float, float]:
        events, place = 0, 0
        while True:
            place += int(math.log(1 - source.random()) / math.log(1 - rate)) + 1
            if place > count:
                return events, events * size_bytes
            events += 1

    return grow


def filling(size: int, size_bytes: int = 64) -> Grow:
    """Return the growth of a cache that takes one entry per iteration until it is full."""

    def grow(first: int, count: int) -> tuple[float, float]:
        entries = min(first + count, size) - min(first, size)
        return entries, entries * size_bytes

    return grow
