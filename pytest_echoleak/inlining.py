"""Inlined calls in a heap dump's stacks, which names one frame for all of them.

Go's WriteHeapDump writes a frame per pc: the function that has the code, but the file and line of
the innermost call that was inlined into it. Profiles name each of these calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pytest_echoleak.pprof.frames import Frame, Stack, as_runtime_names

_MOST_INLINED = 16


def inlined_calls(frames: Iterable[Frame], profiled: Iterable[Stack]) -> dict[Frame, Stack]:
    """Return the calls that each of a dump's `frames` stands for, the innermost first.

    `profiled`: the stacks that a profile of the same process names. A frame that none of them has
    is left out. One that may be several (a function calls what is inlined at two of its lines)
    stands for none: where it was called is not known.
    """
    wanted: defaultdict[tuple[str, int], set[Frame]] = defaultdict(set)
    for frame in frames:
        wanted[frame.file, frame.line].add(frame)
    ways: defaultdict[Frame, set[Stack]] = defaultdict(set)
    for stack in profiled:
        for place, frame in enumerate(stack):
            for one in wanted.get((frame.file, frame.line), ()):
                calls = _up_to(as_runtime_names(one).function, stack[place : place + _MOST_INLINED])
                if calls:
                    ways[one].add(calls)
    return {frame: _shortest(calls) for frame, calls in ways.items()}


def expanded(stack: Stack, calls: Mapping[Frame, Stack]) -> Stack:
    """Return a dump's stack with the calls that its frames stand for, named as profiles do.

    It ends before a frame that may be one of several calls.
    """
    frames: list[Frame] = []
    for frame in stack:
        known = calls.get(frame, (as_runtime_names(frame),))
        if not known:
            break
        frames += known
    return tuple(frames)


def _shortest(ways: Iterable[Stack]) -> Stack:
    """Return the shortest of several ways, () where two are as short."""
    first, *others = sorted(ways, key=len)
    return () if others and len(others[0]) == len(first) else first


def _up_to(function: str, stack: Stack) -> Stack:
    """Return the frames up to the function's own, () where it is not among them."""
    for place, frame in enumerate(stack):
        if frame.function == function:
            return stack[: place + 1]
    return ()
