"""Stacks that Go cut at 32 frames."""

from __future__ import annotations

from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.snapshots.cut_stacks import whole_stacks

END = Frame("runtime.goexit", "", 1)
DEEP = tuple(Frame(f"example.com/library.f{depth}", "", depth) for depth in range(60))


def never() -> list[tuple[Stack, int]]:
    raise AssertionError("profiles cost much, and nothing was cut")


def test_a_stack_that_is_whole_ends_as_profiles_end_it_and_costs_nothing() -> None:
    assert whole_stacks({1: (*DEEP[:5], END), 2: ()}, never) == {1: DEEP[:5], 2: ()}


def test_a_cut_stack_is_continued_by_the_profiles_largest_that_begins_alike() -> None:
    other = (*DEEP[:40], Frame("main.small", "", 1))
    full = [(DEEP, 500), (other, 3), (DEEP[50:], 900)]
    assert whole_stacks({7: DEEP[:32]}, lambda: full) == {7: DEEP}


def test_the_allocators_frames_are_no_difference() -> None:
    cut = (Frame("runtime.mallocgc", "", 1), *DEEP[:31])
    assert whole_stacks({7: cut}, lambda: [(DEEP, 1)]) == {7: DEEP}


def test_a_stack_that_nothing_continues_stays() -> None:
    assert whole_stacks({7: DEEP[:32]}, lambda: [(DEEP[1:], 1)]) == {7: DEEP[:32]}
