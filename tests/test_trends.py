"""What one growth does over rounds, and the statistics under it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.series import Growth
from pytest_echoleak.trends import Trend, excluded, trend
from tests.made_series import growth


def at_most(count: int, expected: float) -> float:
    """Return the probability of so few events, where they are Poisson(expected)."""
    return math.fsum(
        math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count + 1)
    )


@settings(deadline=None, max_examples=500)
@given(st.integers(0, 60), st.integers(1, 20_000), st.floats(0.001, 0.5))
def test_what_is_excluded_happens_to_a_leak_in_one_of_a_thousand(
    count: int, iterations: int, detect: float
) -> None:
    if excluded(count, iterations, detect):
        assert at_most(count, detect * iterations) <= 0.001 + 1e-9


@pytest.mark.parametrize(
    ("count", "iterations", "expected"),
    [(0, 760, False), (0, 761, True), (-5, 760, False), (1, 761, False), (1, 1200, True)],
)
def test_how_many_iterations_exclude_one_percent(
    count: int, iterations: int, expected: bool
) -> None:
    assert excluded(count, iterations, 0.01) is expected


def test_growth_that_goes_on_is_steady() -> None:
    assert trend(growth((381, 381, 381)), (381,) * 3, 0.01) is Trend.STEADY


@pytest.mark.parametrize("counts", [(381, 381, 0), (381, 381, 100), (0, 0, 381), (381, 0, 381)])
def test_growth_that_pauses_or_slows_down_is_unclear(counts: tuple[int, ...]) -> None:
    assert trend(growth(counts), (381,) * 3, 0.01) is Trend.UNCLEAR


def test_growth_that_stopped_long_ago_is_excluded() -> None:
    assert trend(growth((381, 0, 0)), (381,) * 3, 0.01) is Trend.EXCLUDED


def test_few_objects_that_hold_many_bytes_are_judged_by_their_bytes() -> None:
    """A buffer that is replaced by one twice as large now and then, with an object now and then."""
    iterations = (381, 381, 381, 2076, 3443, 3443)
    doubling = Growth((0, 0, 1, 0, 1, 0), (8192, 0, 8192, 65_536, 131_072, 131_072))
    assert trend(doubling, iterations, 0.01) is Trend.STEADY
    once = Growth((0, 0, 1, 0, 0, 0), (8192, 0, 8192, 0, 0, 0))
    assert trend(once, iterations, 0.01) is Trend.EXCLUDED


ROUNDS = (381, 381, 381, 2286, 1429, 1228)


def test_what_went_may_hide_what_stayed() -> None:
    """A queue at the line that leaks happened to be empty at the end."""
    assert trend(growth((1, 1, 0)), ROUNDS[:3], 0.01) is Trend.UNCLEAR
    assert trend(growth((1, 0, 0)), ROUNDS[:3], 0.01) is Trend.EXCLUDED
    assert trend(growth((9, -3, -6)), ROUNDS[:3], 0.01) is Trend.UNCLEAR
    assert trend(growth((0, 1, -9)), ROUNDS[:3], 0.01) is Trend.UNCLEAR
    assert trend(growth((9, -3, -6, 0, 0, 0)), ROUNDS, 0.01) is Trend.EXCLUDED


def test_one_silent_round_is_not_enough_where_things_come_and_go() -> None:
    assert trend(growth((9, 7, -1, 30, 0)), ROUNDS[:5], 0.01) is Trend.UNCLEAR
    assert trend(growth((9, 7, 11, 657, 0, 0)), ROUNDS, 0.01) is Trend.EXCLUDED


def test_later_looks_are_stricter_than_the_first() -> None:
    """Each is another chance to call a leak clean."""
    assert trend(growth((9, 0, 0)), (400, 400, 400), 0.01) is Trend.EXCLUDED
    later = (400, 400, 400, 2000)
    assert trend(growth((9, 9, 9, 4)), later, 0.01) is Trend.UNCLEAR
    assert trend(growth((9, 9, 9, 3)), later, 0.01) is Trend.EXCLUDED


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((8, 14, 10, 3), Trend.UNCLEAR),  # a queue filled, and emptied itself as slowly as it leaks
        ((8, 14, 10, 0), Trend.EXCLUDED),  # a small cache is full
        ((1, 18, 10, 0), Trend.UNCLEAR),  # no cache fills after a pause
        ((0, 21, 0, 0), Trend.EXCLUDED),  # but a connection may prepare its statements then
        ((381, 119, 0, 3), Trend.EXCLUDED),  # nor does a leak hide behind a cache of hundreds
    ],
)
def test_what_moves_like_a_short_queue_is_looked_at_longer(
    counts: tuple[int, ...], found: Trend
) -> None:
    assert trend(growth(counts), (381, 381, 381, 2286), 0.01) is found


LONGER = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)


def counts_of(rate: float, rounds: tuple[int, ...]) -> list[int]:
    """Return how many of each round's iterations were the last of so many: one in 1 / `rate`."""
    ends = [sum(rounds[: k + 1]) for k in range(len(rounds))]
    return [int(end * rate) - int((end - n) * rate) for end, n in zip(ends, rounds, strict=True)]


@pytest.mark.parametrize(
    ("every", "objects", "size_bytes"),
    [(256, 1, 4096), (200, 1, 2048), (128, 1, 1100), (256, 2, 2060)],
)
def test_slabs_that_each_iteration_adds_to_are_never_excluded(
    every: int, objects: int, size_bytes: int
) -> None:
    """Though none of a hundred iterations allocates one. Samples of requests come so, too."""
    counts = [objects * count for count in counts_of(1 / every, LONGER)]
    assert trend(growth(counts[:3], size_bytes), LONGER[:3], 0.01) is Trend.UNCLEAR
    assert trend(growth(counts, size_bytes), LONGER, 0.01) is Trend.UNCLEAR


@pytest.mark.parametrize(
    ("counts", "size_bytes"),
    [
        ((2, 0, 3, 10, 3, 8, 3, 6, 4), 4096),  # as often, but at random
        ((1, 2, 1, 9, 6, 5, 4, 4, 7), 64),  # at even distances, but nothing to add to
        ((3, 1, 1, 0, 0, 0, 0, 0, 0), 4096),
    ],
)
def test_few_large_objects_are_none(counts: tuple[int, ...], size_bytes: int) -> None:
    assert trend(growth(counts, size_bytes), LONGER, 0.01) is Trend.EXCLUDED


@given(st.integers(0, 2), st.sampled_from([0.01, 0.02, 0.05]))
def test_a_small_slice_of_numbers_that_grows_is_never_excluded(held: int, rate: float) -> None:
    def capacity(length: int) -> int:
        return 8 << max(length - 1, 0).bit_length()

    lengths = [held + int(sum(LONGER[:k]) * rate) for k in range(len(LONGER) + 1)]
    steps = [capacity(b) - capacity(a) for a, b in pairwise(lengths)]
    for done in range(3, len(LONGER) + 1):
        first = Growth((0,) * done, tuple(steps[:done]))
        assert trend(first, LONGER[:done], 0.01) is not Trend.EXCLUDED
