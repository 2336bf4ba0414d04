"""An agent's stacks made whole: Go's records of them hold 32 frames, its profiles 128."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from pytest_echoleak.ownership import without_runtime
from pytest_echoleak.pprof.frames import Stack, without_arguments

# The outermost frames of goroutines, and of those that run an iterator of iter.Pull.
_ENDS = ("runtime.goexit", "runtime.corostart")
# Of 32 frames those of wrappers are not shown. What is shorter is the scheduler's own, with no end.
_SHORTEST_CUT = 28
_COMPARED_FRAMES = 20


def whole_stacks(
    stacks: Mapping[int, Stack], full_stacks: Callable[[], Iterable[tuple[Stack, int]]]
) -> dict[int, Stack]:
    """Return `stacks` as a profile shows them: those that were cut, in full length.

    `full_stacks` gives the stacks of profiles, each with how much it holds; it is asked only where
    some stack was cut. Of several that begin alike the one that holds most is taken: it is what a
    growing site most likely is. A stack that none continues stays as it is. Type arguments are
    written `[...]`, as the runtime does and profiles do not.
    """
    result = {site: stack for site, stack in stacks.items() if not _is_cut(stack)}
    cut = {site: stack for site, stack in stacks.items() if site not in result}
    known: defaultdict[Stack, list[tuple[int, Stack]]] = defaultdict(list)
    for stack, amount in full_stacks() if cut else ():
        outer = _outer(stack)
        known[outer[:_COMPARED_FRAMES]].append((amount, outer))
    for site, stack in cut.items():
        outer = _outer(stack)
        result[site] = stack + _rest(outer, known[outer[:_COMPARED_FRAMES]])
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
    return tuple(
        frame._replace(function=without_arguments(frame.function, "[...]"))
        if "[" in frame.function
        else frame
        for frame in without_runtime(stack)
    )


def _rest(outer: Stack, known: Iterable[tuple[int, Stack]]) -> Stack:
    """Return the frames behind `outer` in the one of `known` that goes on like it."""
    longer = [(amount, whole) for amount, whole in known if len(whole) > len(outer)]
    alike = [one for one in longer if one[1][: len(outer)] == outer] or longer
    return max(alike)[1][len(outer) :] if alike else ()
