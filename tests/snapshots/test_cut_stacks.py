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


def test_an_iterators_goroutine_ends_at_the_function_that_runs_it() -> None:
    stack = (*DEEP[:3], Frame("runtime.corostart", "", 1))
    assert whole_stacks({1: stack, 2: (*stack, END)}, never) == {1: DEEP[:3], 2: DEEP[:3]}


def test_a_cut_stack_is_continued_by_the_profiles_largest_that_begins_alike() -> None:
    other = (*DEEP[:40], Frame("main.small", "", 1))
    full = [(DEEP, 500), (other, 3), (DEEP[50:], 900)]
    assert whole_stacks({7: DEEP[:32]}, lambda: full) == {7: DEEP}


def test_the_allocators_frames_are_no_difference_and_stay() -> None:
    allocator = Frame("runtime.mallocgc", "", 1)
    cut = (allocator, *DEEP[:31])
    assert whole_stacks({7: cut}, lambda: [(DEEP, 1)]) == {7: (allocator, *DEEP)}


def test_type_arguments_which_profiles_name_and_the_runtime_does_not_are_no_difference() -> None:
    told, profiled = (
        (*DEEP[:9], Frame(f"main.(*Hook[{arguments}]).Trigger.func1", "", 9), *DEEP[10:])
        for arguments in ("...", "go.shape.*uint8")
    )
    assert whole_stacks({7: told[:32]}, lambda: [(profiled, 1)]) == {7: told}


def test_what_is_not_alike_in_all_its_frames_continues_nothing() -> None:
    other = (*DEEP[:25], Frame("main.elsewhere", "", 1), *DEEP[26:50])
    assert whole_stacks({7: DEEP[:32]}, lambda: [(DEEP, 3), (other, 500)]) == {7: DEEP}
    assert whole_stacks({7: DEEP[:32]}, lambda: [(other, 500)]) == {7: DEEP[:32]}


def test_a_stack_that_nothing_continues_stays() -> None:
    assert whole_stacks({7: DEEP[:32]}, lambda: [(DEEP[1:], 1)]) == {7: DEEP[:32]}
