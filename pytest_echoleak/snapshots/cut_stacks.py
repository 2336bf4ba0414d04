"""An agent's stacks made whole: Go's records of them hold 32 frames, its profiles 128."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from pytest_echoleak.ownership import without_runtime
from pytest_echoleak.pprof.frames import Stack, as_runtime_names

# The outermost frames of goroutines, and of those that run an iterator of iter.Pull.
_ENDS = ("runtime.goexit", "runtime.corostart")
# Of 32 frames those of wrappers are not shown. What is shorter is the scheduler's own, with no end.
_SHORTEST_CUT = 28


def whole_stacks(
    stacks: Mapping[int, Stack], full_stacks: Callable[[], Iterable[tuple[Stack, int]]]
) -> dict[int, Stack]:
    """Return `stacks` as a profile shows them: those that were cut, in full length.

    `full_stacks` gives the stacks of profiles, each with how much it holds; it is asked only where
    some stack was cut. Of several that begin alike the one that holds most is taken: it is what a
    growing site most likely is. A stack that none continues stays as it is. What is added has
    its type arguments written `[...]`, as the runtime does and profiles do not.
    """
    result = {site: stack for site, stack in stacks.items() if not _is_cut(stack)}
    cut = {site: stack for site, stack in stacks.items() if site not in result}
    beginnings = {site: _outer(stack) for site, stack in cut.items()}
    longest = _longest(full_stacks() if cut else (), {len(one) for one in beginnings.values()})
    for site, stack in cut.items():
        beginning = beginnings[site]
        result[site] = stack + longest.get(beginning, beginning)[len(beginning) :]
    return {site: _without_end(stack) for site, stack in result.items()}


def _is_cut(stack: Stack) -> bool:
    return len(stack) >= _SHORTEST_CUT and not _ends(stack)


def _ends(stack: Stack) -> bool:
    return bool(stack) and stack[-1].function in _ENDS


def _without_end(stack: Stack) -> Stack:
    while _ends(stack):
        stack = stack[:-1]
    return stack


def _outer(stack: Stack) -> Stack:
    """Return a stack without the allocator's frames, of which profiles have none."""
    return tuple(map(as_runtime_names, without_runtime(stack)))


def _longest(stacks: Iterable[tuple[Stack, int]], lengths: Collection[int]) -> dict[Stack, Stack]:
    """Return by each beginning of these lengths the stack that holds most of those that have it."""
    amounts: dict[Stack, int] = {}
    longest: dict[Stack, Stack] = {}
    for stack, amount in stacks:
        whole = _outer(stack)
        for length in lengths:
            beginning = whole[:length]
            if amount > amounts.get(beginning, -1) and len(whole) > length:
                amounts[beginning], longest[beginning] = amount, whole
    return longest
