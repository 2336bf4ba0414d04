"""How long a check goes on."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from pytest_echoleak.schedule import next_round


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
