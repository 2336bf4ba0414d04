"""A rising line is told from what moves up and down, and from what fills."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.steadiness import chance, climbs, rises

ROUNDS = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)


def steps(levels: list[float]) -> list[float]:
    return [now - before for before, now in pairwise(levels)]


@given(st.integers(1, 50), st.lists(st.integers(10, 5000), min_size=3, max_size=12))
def test_the_same_whole_number_in_every_iteration_is_steady(each: int, runs: list[int]) -> None:
    assert rises([each * n for n in runs], runs, 0.01, places=12_000)


def test_a_rate_that_chance_moves_is_steady_once_there_are_points_enough() -> None:
    values = [190, 178, 199, 1150, 720, 600, 590, 541, 830]
    assert not rises(values[:3], ROUNDS[:3], 0.01), "levels that jump lie so now and then"
    assert rises(values, ROUNDS, 0.01)


def test_more_places_ask_for_a_straighter_line() -> None:
    values = [8.0, 1, 5, 30, 10, 20, 9, 16, 18]
    assert rises(values, ROUNDS, 0.01)
    assert not rises(values, ROUNDS, 0.01, places=10**9)


def test_a_leak_that_starts_late_is_steady_from_there() -> None:
    assert rises([81, 381, 381, 2286, 1429, 1228, 1160], ROUNDS[:7], 0.01)


def test_a_leak_at_the_place_of_a_cache_that_is_full_by_now_is_steady_from_there() -> None:
    assert rises([381, 381, 381, 628, 143, 123, 116, 111, 165], ROUNDS, 0.01)


@pytest.mark.parametrize(
    "values",
    [
        (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 300),
        (381, 381, 381, 2286, 1429, 1228, 400, 380, 560),
        (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 0),
        (381, 381, 381, 2286, 1429, 1228, 1160, 1109, -7),
        (4, 4, 4, 23, 14, 12, 6, 6, 8),  # each within what chance does to so few, all three not
    ],
)
def test_what_slows_down_is_not(values: tuple[float, ...]) -> None:
    assert not rises(values, ROUNDS, 0.01)


def test_less_than_detect_asks_for_is_not() -> None:
    assert not rises([n // 200 for n in (400, 400, 400, 2400, 1400)], ROUNDS[:5], 0.01)


def test_what_comes_as_twenty_at_once_is_as_many_events_as_it_came_times() -> None:
    """A pool opens a connection every so often, and each prepares the same statements."""
    pool = [0.0, 21, 0, 42, 21, 21, 21, 21, 21]
    assert not rises(pool, ROUNDS, 0.01)
    assert rises([value + (k % 2) for k, value in enumerate(pool)], ROUNDS, 0.01), "but for that"


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10**9), st.integers(30, 5000), st.integers(8, 20))
def test_levels_that_jump_are_no_line(seed: int, most: int, count: int) -> None:
    source = random.Random(seed)
    levels = [float(source.randrange(most)) for _ in range(count + 1)]
    assert not rises(steps(levels), [1250] * count, 0.01)


def test_chance_is_what_student_says() -> None:
    """P(T > t) of Student's t with 2 degrees is known in closed form."""
    values, runs = (9.0, 11.0, 10.0), (10, 10, 10)
    # levels 0, 9, 20, 30: slope 1.01, scatter 0.7, spread 500
    t = 1.01 * 500**0.5 / (0.7 / 2) ** 0.5
    exact = 0.5 * (1 - t / (2 + t * t) ** 0.5)
    assert exact <= chance(values, runs) <= 1.5 * exact
    assert chance((-9, -11, -10), runs) == 1.0


class TestSteps:
    def test_what_doubles_climbs_through_long_pauses(self) -> None:
        runs = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)
        assert climbs([4096, 0, 4096, 16384, 0, 32768, 0, 0, 65536], runs)

    @pytest.mark.parametrize(
        "values",
        [
            (90_000, 0, 0, 0, 0, 0, 0, 0, 0),
            (4096, 0, 4096, 16384, 0, 32768, -8192, 0, 65536),
            (4096, 0, 4096, 16384, 0, 0, 0, 0, 0),
        ],
    )
    def test_what_stops_or_ever_falls_does_not(self, values: tuple[float, ...]) -> None:
        assert not climbs(values, (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645))
