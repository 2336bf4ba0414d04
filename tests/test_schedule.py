"""How long a check goes on."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_echoleak.folding import Fold, fold_stacks
from pytest_echoleak.schedule import (
    confirming_round,
    idle_seconds,
    is_clear,
    last_growth,
    next_round,
    pause_share,
)
from pytest_echoleak.series import Growth, Round
from tests.made_series import HANDLER, OWN, SITE, growth
from tests.made_snapshots import snapshot


def rounds(plateau: int, *, steady: bool, first: int = 1143, detect: float = 0.01) -> list[int]:
    found: list[int] = []
    while wanted := next_round(first + sum(found), plateau, steady=steady, detect=detect):
        found.append(wanted)
    return found


@given(st.integers(1, 100_000), st.integers(3, 50_000))
def test_what_is_steady_ends_at_the_plateau(plateau: int, first: int) -> None:
    assert first + sum(rounds(plateau, steady=True, first=first)) == max(plateau, first)


def test_growth_is_looked_at_in_several_rounds_before_it_is_called_a_leak() -> None:
    assert len(rounds(10_000, steady=True)) >= 6


def test_what_is_not_clear_goes_on_for_as_many_iterations_as_show_a_leak_at_detect() -> None:
    assert 1143 + sum(rounds(10_000, steady=False)) == 20_000
    assert 11_403 + sum(rounds(10_000, steady=False, first=11_403, detect=0.001)) == 200_000


def test_a_container_that_grew_late_gets_the_silence_that_excludes_a_leak() -> None:
    """Six tenths of all iterations."""
    assert next_round(20_000, 10_000, steady=False, last_grew=8_400) == 1_000
    assert next_round(21_000, 10_000, steady=False, last_grew=8_400) == 0
    assert next_round(20_000, 10_000, steady=False, last_grew=15_000) == 17_500
    assert next_round(20_000, 10_000, steady=False, last_grew=19_000) == 0


def test_containers_alone_get_a_slower_load_beyond_the_plateau() -> None:
    """What lives for a second needs less of them then; a leak grows by the request."""
    table = Fold("heap", HANDLER, SITE, 1, Growth((0, 0), (4_096, 8_192)), own=True)
    entries = Fold("heap", HANDLER, SITE, 1, Growth((50, 60), (3_200, 3_840)), own=True)
    assert pause_share([table], 10_000, 10_000) > 0
    assert pause_share([table], 9_000, 10_000) == 0
    assert pause_share([table], 9_000, 0) == 0
    assert pause_share([table, entries], 10_000, 10_000) == 0
    assert pause_share([], 10_000, 10_000) == 0


def test_the_last_growth_is_where_something_came() -> None:
    fold = Fold("heap", HANDLER, SITE, 1, Growth((5, 0, 0, -5), (80, 0, 4096, -80)), own=True)
    assert last_growth([fold], (100, 200, 300, 400)) == 600
    assert last_growth([], (100, 200)) == 0


def test_a_plateau_of_zero_is_exact() -> None:
    assert rounds(0, steady=False) == []


def test_a_small_plateau_goes_on_until_a_service_s_own_caches_settle() -> None:
    assert 9_000 <= 1143 + sum(rounds(2_000, steady=False)) <= 15_000


def test_no_period_of_the_service_falls_into_step_with_the_rounds() -> None:
    """Rounds that are alike would see a sawtooth as a line."""
    runs = [381, 381, 381, *rounds(10_000, steady=False)]
    for period in range(2, 1_500):
        places = [done % period for done in accumulate(runs)]
        rising = sum(now > before for before, now in pairwise(places))
        assert rising < len(runs) - 2, period
    assert len(set(runs[4:])) >= 10, "hardly two are alike"


class TestConfirmingRound:
    @staticmethod
    def fold(*counts: int) -> Fold:
        return Fold("heap", HANDLER, SITE, 1, growth(counts), own=True)

    def test_a_whole_number_in_each_iteration_needs_none(self) -> None:
        assert confirming_round((400, 800), [self.fold(400, 800)], 0.01) == 0

    def test_what_the_clock_may_have_filled_must_grow_again(self) -> None:
        """Silence in so many iterations excludes a leak at `detect`."""
        folds = [self.fold(400, 800), self.fold(100, 210)]
        assert confirming_round((4_000, 8_000), folds, 0.01) == 4_000
        assert confirming_round((4_000, 800), folds, 0.01) == 2_000

    def test_a_short_check_does_not_become_a_long_one(self) -> None:
        assert confirming_round((400, 400), [self.fold(100, 210)], 0.01) == 800


class TestIdleSeconds:
    rounds = tuple(Round(400, snapshot(at=k), snapshot(at=k + 1)) for k in range(12))

    @staticmethod
    def fold(count: int) -> Fold:
        return Fold("heap", HANDLER, SITE, 1, growth((count,) * 12), own=True)

    def test_what_keeps_step_with_the_iterations_needs_a_moment(self) -> None:
        assert idle_seconds(self.rounds, [self.fold(400)]) == pytest.approx(0.05)
        assert idle_seconds(self.rounds, [self.fold(401), self.fold(800)]) == pytest.approx(
            0.05, rel=0.1
        )

    def test_what_does_not_may_be_done_once_a_second(self) -> None:
        assert idle_seconds(self.rounds, [self.fold(390)]) == 1.1
        assert idle_seconds(self.rounds, [self.fold(400), self.fold(300)]) == 1.1

    def test_what_is_slow_is_waited_for(self) -> None:
        assert idle_seconds(self.rounds, [self.fold(6)]) == pytest.approx(12 * 20 / 72)
        assert idle_seconds(self.rounds, [self.fold(1)]) == 4.0

    def test_nothing_grew(self) -> None:
        assert idle_seconds(self.rounds, []) == 0


LONGER = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)


@pytest.mark.parametrize(
    ("what", "clear"),
    [
        (growth((*LONGER, 2000)), True),
        (growth((0, 0, 0, 0, 14, 12, 12, 11, 16, 20)), False),  # as rare as it can be, and late
        (growth((4, 4, 4, 23, 14, 12, 12, 11, 16, 20)), False),
        (Growth((0,) * 10, (8e3, 0, 8e3, 3e4, 0, 0, 6e4, 0, 0, 1e5)), True),
        (Growth((0,) * 10, (8e3, 0, 8e3, 3e4, 0, 0, 6e4, 0, 1e5, 0)), False),  # full, it may be
    ],
)
def test_what_is_near_detect_or_had_its_last_step_takes_longer_to_tell(
    what: Growth, clear: bool
) -> None:
    fold = fold_stacks("heap", {SITE: what}, OWN)
    assert is_clear([fold], (*LONGER, 2000), 0.01, 10_000) == clear
