"""What the clock did once in a check, and what a leak does."""

from __future__ import annotations

import pytest

from pytest_echoleak.bursts import only_bursts
from pytest_echoleak.folding import fold_stacks
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth
from tests.made_series import HANDLER, OWN, SERVE, growth

ROUNDS = (381, 381, 381, 2286, 1429, 422)
JOB = HANDLER._replace(function="example.com/shop.cleanUp", line=36)
RUN: Stack = (JOB, Frame("github.com/robfig/cron/v3.(*Cron).startJob.func1", "cron.go", 310))
PARSE: Stack = (Frame("xorm.io/xorm/tags.parse", "/m/xorm@v1/p.go", 190), *RUN)
SERVED: Stack = (JOB, SERVE)
ONCE = (0, 0, 0, 0, 0, 42)


def came_once(*parts: tuple[Stack, Growth], rounds: tuple[int, ...] = ROUNDS) -> bool:
    return only_bursts([fold_stacks("heap", dict(parts), OWN)], rounds, 0.01, OWN)


def test_what_a_job_sets_up_at_its_first_run_came_once() -> None:
    assert came_once((RUN, growth(ONCE)), (PARSE, growth((0, 0, 0, 0, 9, 0))))


@pytest.mark.parametrize(
    "parts",
    [
        [(SERVED, growth(ONCE))],  # a request did
        [(RUN, growth((0, 0, 0, 0, 2, 42)))],  # twice
        [(RUN, growth((0, 0, 0, 42, 0, 0)))],  # in a round that is most of the check
        [(RUN, growth(ONCE)), (SERVED, growth((4, 3, 4, 22, 15, 4)))],  # and requests leak there
    ],
)
def test_what_a_leak_may_be_did_not(parts: list[tuple[Stack, Growth]]) -> None:
    assert not came_once(*parts)


def test_neither_did_it_where_the_rest_of_the_check_shows_nothing() -> None:
    assert not came_once((RUN, growth((0, 0, 42))), rounds=(381, 381, 381))
    assert not only_bursts([], ROUNDS, 0.01, OWN)
    goroutines = fold_stacks("goroutine", {RUN: growth(ONCE, 0)}, OWN)
    assert not only_bursts([goroutines], ROUNDS, 0.01, OWN)
