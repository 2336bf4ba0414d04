"""Growth that no function of the user's accounts for alone: who called them all."""

from __future__ import annotations

import random

import pytest

from pytest_echoleak.folding import fold_series
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth
from pytest_echoleak.spreading import callers_of
from pytest_echoleak.tolerance import Tolerance
from pytest_echoleak.verdict import conclude
from tests.made_series import HANDLER, OWN, SERVE, growth, judged, series

ROUNDS = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)
MIDDLEWARE = HANDLER._replace(function="example.com/shop.logged", line=9)
LIBRARY = Frame("example.org/lib.Each", "/m/example.org/lib@v1.0.0/each.go", 3)


def step(number: int) -> Frame:
    return HANDLER._replace(function=f"example.com/shop.step{number}", line=100 + number)


def one_in(every: int, first: int) -> Growth:
    """Return the growth of what one iteration in `every` leaks."""
    ends = [sum(ROUNDS[: k + 1]) + first for k in range(len(ROUNDS))]
    return growth([end // every - (end - n) // every for end, n in zip(ends, ROUNDS, strict=True)])


def spread(functions: int, every: int, callers: tuple[Frame, ...]) -> dict[Stack, Growth]:
    """Return the growth of what one iteration in `every` leaks in each of so many functions."""
    source = random.Random(f"{functions} {every}")
    return {
        (step(k), LIBRARY, *callers, SERVE): growth(
            [sum(source.random() < 1 / every for _ in range(n)) for n in ROUNDS]
        )
        for k in range(functions)
    }


def test_one_in_twenty_that_goes_through_many_functions_is_told_at_who_called_them() -> None:
    heap = spread(24, 24 * 20, (HANDLER, MIDDLEWARE))
    (finding,) = judged(series(ROUNDS, heap)).steady
    assert finding.location.function == HANDLER.function
    assert finding.stacks == 24
    assert finding.objects_per_iteration == pytest.approx(0.05, abs=0.002)
    assert "spread" in finding.note


def test_what_has_no_caller_of_the_users_in_common_is_judged_with_the_process() -> None:
    assert not judged(series(ROUNDS, spread(40, 40 * 20, ()))).steady
    (finding,) = judged(series(ROUNDS, spread(40, 40 * 8, ()))).steady
    assert "no single place repeats" in finding.note


def test_what_is_unclear_of_each_is_told_of_all_together() -> None:
    """Each leaks two objects at once, as often as `detect` asks for, and more rarely than it."""
    each = {stack: one_in(160, 20 * k) for k, stack in enumerate(spread(8, 160, (HANDLER,)))}
    heap = {
        stack: Growth(tuple(2 * n for n in one.count), tuple(2 * n for n in one.bytes))
        for stack, one in each.items()
    }
    (finding,) = judged(series(ROUNDS, heap)).steady
    assert finding.location.function == HANDLER.function
    assert finding.objects_per_iteration == pytest.approx(0.1, abs=0.003)


def test_what_goes_around_through_sixty_functions_is_not_clean_at_the_first_look() -> None:
    """At most one object is left in each of them by then."""
    first = {
        stack: Growth(one.count[:3], one.bytes[:3])
        for stack, one in spread(60, 60 * 20, (HANDLER,)).items()
    }
    judgement = judged(series(ROUNDS[:3], first))
    assert conclude(judgement, exhausted=False) is None


def test_what_is_accepted_is_counted_once() -> None:
    heap = {
        stack: Growth(tuple(2 * n for n in one.count), tuple(2 * n for n in one.bytes))
        for stack, one in spread(8, 160, (HANDLER,)).items()
    }
    accepted = Tolerance(objects_per_iteration=0.11)
    judgement = judged(series(ROUNDS, heap), tolerance=accepted)
    assert judgement.tolerated
    assert judgement.steady + judgement.unclear == ()


def restless(source: random.Random, callers: tuple[Frame, ...]) -> dict[Stack, Growth]:
    """Return sixteen functions that grow a little, in some rounds more and in others less."""
    pace = [source.choice((0.2, 0.6, 1.8)) for _ in ROUNDS]
    return {
        (step(200 + k), LIBRARY, *callers, SERVE): growth(
            [
                sum(source.random() < 0.0022 * faster for _ in range(n))
                for faster, n in zip(pace, ROUNDS, strict=True)
            ]
        )
        for k in range(16)
    }


@pytest.mark.parametrize("seed", range(3))
def test_what_is_unclear_below_one_caller_hides_neither_another_nor_the_process(seed: int) -> None:
    moving = restless(random.Random(seed), (MIDDLEWARE,))
    process = judged(series(ROUNDS, {**moving, **spread(40, 40 * 8, ())}))
    assert "no single place repeats" in process.steady[0].note

    inner = HANDLER._replace(function="example.com/shop.inner", line=7)
    moving = restless(random.Random(seed), (inner, HANDLER))
    outer = judged(series(ROUNDS, {**moving, **spread(40, 40 * 14, (HANDLER,))}))
    assert [one.location.function for one in outer.steady] == [HANDLER.function]


def test_a_function_that_leaks_answers_for_itself_and_not_its_caller() -> None:
    heap = spread(2, 20, (HANDLER, MIDDLEWARE))
    found = judged(series(ROUNDS, heap)).steady
    assert {one.location.function for one in found} == {step(0).function, step(1).function}


def test_callers_come_from_the_inside_and_each_set_of_stacks_once() -> None:
    heap = {
        **spread(3, 300, (HANDLER, HANDLER, MIDDLEWARE)),
        (step(9), MIDDLEWARE, SERVE): one_in(300, 0),
    }
    folds = fold_series(series(ROUNDS, heap), OWN).open
    callers = callers_of(folds, OWN)
    assert [(one.frame, len(one.stacks)) for one in callers] == [(HANDLER, 3), (MIDDLEWARE, 4)]
    assert callers_of(folds[:1], OWN) == []
