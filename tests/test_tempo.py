"""What grows by the second is told from what grows by the request, at another pace."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_echoleak.folding import Fold
from pytest_echoleak.series import Growth, Series
from pytest_echoleak.tempo import keeps_time, slow_round

ROUNDS = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645, 2000)
PACE = 0.006
SLOW = (*[False] * (len(ROUNDS) - 1), True)
SECONDS = tuple(n * PACE * (3 if slow else 1) for n, slow in zip(ROUNDS, SLOW, strict=True))


def growth_of(counts: list[float]) -> Growth:
    return Growth(tuple(counts), tuple(64 * count for count in counts))


def series_of(slow: tuple[bool, ...] = SLOW, seconds: tuple[float, ...] = SECONDS) -> Series:
    nothing = growth_of([0.0] * len(ROUNDS))
    return Series(ROUNDS, True, {}, {}, nothing, seconds=seconds, slow=slow)


def fold(counts: list[float], size_bytes: float = 64) -> Fold:
    growth = Growth(tuple(counts), tuple(size_bytes * count for count in counts))
    return Fold.of_process(growth)


def test_what_comes_every_second_of_traffic_is_the_clocks() -> None:
    counts = [round(2 * seconds) for seconds in SECONDS]
    assert keeps_time(growth_of([*map(float, counts)]), series_of())


@given(st.sampled_from([0.01, 0.02, 0.1]), st.integers(1, 8), st.integers(0, 10_000))
def test_what_one_of_so_many_requests_leaves_is_not(rate: float, each: int, seed: int) -> None:
    strewn = random.Random(seed)
    counts = [float(each * sum(strewn.random() < rate for _ in range(n))) for n in ROUNDS]
    assert not keeps_time(growth_of(counts), series_of())


def test_what_filled_first_or_began_late_is_not() -> None:
    assert not keeps_time(growth_of([381.0, 381, 381, 900, 0, 0, 0, 0, 0, 0]), series_of())
    assert not keeps_time(growth_of([0.0] * 5 + [24.0, 23, 22, 33, 40]), series_of())


def test_a_leak_that_begins_in_the_last_rounds_is_not() -> None:
    assert not keeps_time(growth_of([0.0] * 8 + [500.0, 2_000.0]), series_of())


@pytest.mark.parametrize("events", [7, 15, 30, 50])
def test_few_events_of_requests_are_hardly_ever_taken_for_the_clocks(events: int) -> None:
    strewn = random.Random(events)
    rate = events / sum(ROUNDS)

    def check() -> bool:
        counts = [float(sum(strewn.random() < rate for _ in range(n))) for n in ROUNDS]
        return keeps_time(growth_of(counts), series_of())

    assert sum(check() for _ in range(300)) <= 3


def test_without_a_slower_round_nothing_is_told() -> None:
    counts = growth_of([round(2 * seconds) + 0.0 for seconds in SECONDS])
    assert not keeps_time(counts, series_of(slow=(False,) * len(ROUNDS)))
    assert not keeps_time(counts, series_of(slow=(), seconds=()))
    hardly = tuple(n * PACE for n in ROUNDS)
    assert not keeps_time(counts, series_of(seconds=hardly))


def test_a_slow_round_is_for_what_a_clock_may_do() -> None:
    rare = [0.01 * n for n in ROUNDS]
    seconds = sum(SECONDS)
    assert 2_000 <= slow_round([fold(rare)], ROUNDS, seconds, 1_000) <= sum(ROUNDS) / 3
    assert 100 <= slow_round([fold(rare)], ROUNDS, seconds, 10) <= 10 / (3 * PACE)
    assert slow_round([fold(rare)], ROUNDS, seconds, 0.5) == 0
    assert slow_round([fold([float(n) for n in ROUNDS])], ROUNDS, seconds, 1_000) == 0
    assert slow_round([fold([0.7 * n for n in ROUNDS])], ROUNDS, seconds, 1_000) == 0, "too often"
    assert slow_round([fold(rare)], ROUNDS, 1.0, 1_000) == 0, "too often"
    assert slow_round([fold(rare, size_bytes=9_000)], ROUNDS, seconds, 1_000) == 0, "in steps"
    assert slow_round([], ROUNDS, seconds, 1_000) == 0
