"""An agent's stacks made whole: Go's records of them hold 32 frames, its profiles 128."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pytest_echoleak.ownership import without_runtime
from pytest_echoleak.pprof.frames import Stack

_END = "runtime.goexit"
# Of 32 frames those of wrappers are not shown. What is shorter is the scheduler's own, with no end.
_SHORTEST_CUT = 28
# A cut stack may begin with frames of the allocator, which profiles leave out.
_COMPARED_FRAMES = 20


def whole_stacks(
    stacks: Mapping[int, Stack], full_stacks: Callable[[], Iterable[tuple[Stack, int]]]
) -> dict[int, Stack]:
    """Return `stacks` as a profile shows them: those that were cut, in full length.

    `full_stacks` gives the stacks of profiles, each with how much it holds; it is asked only where
    some stack was cut. Of several that begin alike the one that holds most is taken: it is what a
    growing site most likely is. A stack that none continues stays as it is.
    """
    result = {site: stack for site, stack in stacks.items() if not _is_cut(stack)}
    cut = {site: stack for site, stack in stacks.items() if site not in result}
    longest: dict[Stack, tuple[int, Stack]] = {}
    for stack, amount in full_stacks() if cut else ():
        start = _start(stack)
        if start not in longest or longest[start][0] < amount:
            longest[start] = (amount, stack)
    for site, stack in cut.items():
        _, whole = longest.get(_start(stack), (0, stack))
        result[site] = whole if len(whole) > len(stack) else stack
    return {site: stack[:-1] if _ends(stack) else stack for site, stack in result.items()}


def _is_cut(stack: Stack) -> bool:
    return len(stack) >= _SHORTEST_CUT and not _ends(stack)


def _ends(stack: Stack) -> bool:
    return bool(stack) and stack[-1].function == _END


def _start(stack: Stack) -> Stack:
    return without_runtime(stack)[:_COMPARED_FRAMES]
