"""The rate that a finding states is what each iteration leaves, not what filled once beside it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_echoleak.rates import per_iteration
from pytest_echoleak.series import Growth

ROUNDS = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645, 2000)
OBJECT_BYTES = 48


def growth_of(counts: list[float]) -> Growth:
    return Growth(tuple(counts), tuple(OBJECT_BYTES * count for count in counts))


def rate(counts: list[float], *, exact: bool = True) -> float:
    found, found_bytes = per_iteration(growth_of(counts), ROUNDS, exact=exact)
    assert found_bytes == pytest.approx(OBJECT_BYTES * found)
    return found


def test_a_cache_that_filled_first_at_the_same_line_is_not_in_the_rate() -> None:
    counts = [n / 2 for n in ROUNDS]
    counts[0] += 380
    counts[1] += 120

    assert rate(counts) == pytest.approx(0.5, rel=0.01)


def test_a_leak_that_began_late_has_the_rate_that_it_has_since() -> None:
    assert rate([0, 81, 381, *ROUNDS[3:]]) == 1
    assert rate([0, 162, 762, *(2 * n for n in ROUNDS[3:])]) == 2


def test_of_samples_all_rounds_count() -> None:
    counts = [0.0, 81, 381, *ROUNDS[3:]]
    assert rate(counts, exact=False) == sum(counts) / sum(ROUNDS)


def test_what_came_to_its_end_keeps_the_rate_of_all_rounds() -> None:
    counts = [381.0, 381, 381, *[0] * (len(ROUNDS) - 3)]
    assert rate(counts) == sum(counts) / sum(ROUNDS)


def test_bytes_of_a_container_are_those_of_all_rounds() -> None:
    grown = Growth((0, 0, 1, 0, 0, 1, 0, 0, 0, 1), (0, 0, 8e3, 0, 0, 16e3, 0, 0, 0, 64e3))
    _, found_bytes = per_iteration(grown, ROUNDS, exact=True)
    assert found_bytes == pytest.approx(88e3 / sum(ROUNDS))


@given(st.integers(1, 9), st.integers(0, 10_000))
def test_what_chance_strews_keeps_the_rate_of_all_rounds(each: int, seed: int) -> None:
    strewn = random.Random(seed)
    counts = [float(each * sum(strewn.random() < 0.02 for _ in range(n))) for n in ROUNDS]
    overall = sum(counts) / sum(ROUNDS)
    assert rate(counts) == pytest.approx(overall, rel=0.35)


@given(st.integers(1, 40), st.integers(1, 5))
def test_a_leak_at_even_distances_is_exact(distance: int, each: int) -> None:
    ends = [sum(ROUNDS[: k + 1]) for k in range(len(ROUNDS))]
    reached = [each * (end // distance) for end in [0, *ends]]
    counts = [float(after - before) for before, after in pairwise(reached)]
    off = abs(rate(counts) - each / distance)
    assert off <= 2 * each / (sum(ROUNDS) / 2)
