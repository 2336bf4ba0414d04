"""What is judged beside each place: its stacks, and several places together."""

from __future__ import annotations

import pytest

from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth
from tests.made_series import HANDLER, SERVE, SITE, growth, judged, series

ROUNDS = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)


def below(name: str, frame: Frame = HANDLER) -> Stack:
    return (Frame(f"example.org/lib.{name}", "/m/example.org/lib@v1.0.0/f.go", 1), frame, SERVE)


def test_a_leak_behind_a_shrinking_cache_is_found() -> None:
    """Flat totals acquit nobody: the cache that start-up filled gets smaller meanwhile."""
    leak = growth(ROUNDS)
    shrinking = growth([-2 * n for n in ROUNDS])
    (finding,) = judged(series(ROUNDS, {below("leak"): leak, below("old"): shrinking})).steady
    assert (finding.objects_per_iteration, finding.stacks) == (1.0, 1)


def test_a_full_cache_that_replaces_its_entries_is_still() -> None:
    turnover = {below("new"): growth(ROUNDS), below("old"): growth([-n for n in ROUNDS])}
    judgement = judged(series(ROUNDS, turnover))
    assert judgement.steady + judgement.unclear == ()


@pytest.mark.parametrize("same_function", [True, False])
def test_lines_of_one_function_are_judged_together(same_function: bool) -> None:
    """One call of a hundred leaks, each time through another of four branches."""
    heap: dict[Stack, Growth] = {}
    for k in range(4):
        function = HANDLER.function if same_function else f"{HANDLER.function}{k}"
        frame = HANDLER._replace(line=50 + k, function=function)
        heap[frame, SERVE] = growth([(n + 100 * k) // 400 for n in ROUNDS])
    judgement = judged(series(ROUNDS, heap))
    grown = judgement.steady + judgement.unclear
    assert len(grown) == same_function
    assert sum(finding.stacks for finding in grown) == 4 * same_function


def test_no_alarm_arises_among_thousands_of_places() -> None:
    """One that looks like a line by chance must look better, the more places there are."""
    line = growth([8, 1, 5, 30, 10, 20, 9, 16, 18])
    assert judged(series(ROUNDS, {SITE: line})).steady
    others: dict[Stack, Growth] = {
        (HANDLER._replace(function=f"example.com/shop.g{k}"), SERVE): growth((1, -1) * 4 + (0,))
        for k in range(12_000)
    }
    made = judged(series(ROUNDS, {**others, SITE: growth([9, 1, 1, 36, 6, 22, 9, 16, 18])}))
    assert made.steady == ()


@pytest.mark.parametrize(
    ("turnover", "leaks"),
    [
        ((0, 900, -400, 1_500, -900, 700, -300, 20, 10), False),  # a window over the last second
        ((0, 400, -100, 200, -300, 200, -300, 20, 10), True),  # the slice is larger than it needs
        ((1, 0, -1, 0, 1, 0, -1, 0, 0), True),  # a full cache, and a slice of something else
        ((500, 0, 0, 0, 0, 0, 0, 0, 0), True),  # one that fills
        # entries that live for a second, and a slice of numbers that nobody takes out
        ((1_900, 1_900, -20, 30, -40, 50, -30, 10, -20), True),
    ],
)
def test_a_containers_capacity_is_not_taken_for_its_growth(
    turnover: tuple[int, ...], leaks: bool
) -> None:
    entries, slots = HANDLER._replace(line=50), HANDLER._replace(line=51)
    steps = (1_000, 0, 2_000, 8_000, 4_000, 0, 9_000, 0, 0)
    if turnover[0] == 1_900:
        steps = (4_096, 2_688, 3_456, 17_024, 9_216, 10_240, 12_288, 0, 14_336)
    heap: dict[Stack, Growth] = {
        (entries, SERVE): growth(turnover),
        (slots, SERVE): Growth((0,) * 9, steps),
    }
    judgement = judged(series(ROUNDS, heap))
    found = [one for one in judgement.steady if one.location.line == slots.line]
    assert bool(found) == leaks


def test_neither_is_the_capacity_of_what_is_kept_at_the_same_line() -> None:
    """Of a cache with a janitor, on a machine with much else to do: the rounds as they were."""
    came = (1_420, 828, 0, 1_256, -840, 444, -124, -476, 3_272, 160, -236, 120, 120, -4, -40)
    grew = (16_128, 3_328, 18_472, 4_096, 0, 0, 0, 0, 24_624, 18_464)
    entries, table = (*came, 120, 36, -884), (*grew, *(0,) * 8)
    rounds = (*ROUNDS, 1_150, 987, 987, 987, 987, 986, 1_225, 1_282, 1_409)
    inner = HANDLER._replace(function="example.org/ttl.(*Cache).Set", file="ttl.go", line=9)
    heap: dict[Stack, Growth] = {
        (HANDLER, SERVE): growth(entries),
        (inner, HANDLER, SERVE): Growth((0,) * len(rounds), table),
    }
    judgement = judged(series(rounds, heap))
    assert judgement.steady + judgement.unclear == ()
