"""Inlined calls in a heap dump's stacks, which names one frame for all of them.

Go's WriteHeapDump writes a frame per pc: the function that has the code, but the file and line of
the innermost call that was inlined into it. Profiles name each of these calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_echoleak.pprof.frames import Frame, Stack, short_function

_MOST_INLINED = 16
_ARGUMENTS = re.compile(r"\[.*\]")


def inlined_calls(frames: Iterable[Frame], profiled: Iterable[Stack]) -> dict[Frame, Stack]:
    """Return the calls that each of a dump's `frames` stands for, the innermost first.

    `profiled`: the stacks that a profile of the same process names. A frame that none of them has
    stands for itself, and is left out.
    """
    wanted: dict[tuple[str, int], set[Frame]] = {}
    for frame in frames:
        wanted.setdefault((frame.file, frame.line), set()).add(frame)
    found: dict[Frame, Stack] = {}
    if not wanted:
        return found
    for stack in profiled:
        for place, frame in enumerate(stack):
            for one in wanted.get((frame.file, frame.line), ()):
                calls = _up_to(one.function, stack[place : place + _MOST_INLINED])
                if calls and len(calls) < len(found.get(one, (*calls, frame))):
                    found[one] = calls
    return found


def expanded(stack: Stack, calls: Mapping[Frame, Stack]) -> Stack:
    """Return a dump's stack with the calls that its frames stand for, named as profiles do."""

    def frames() -> Iterator[Frame]:
        for frame in stack:
            if frame in calls:
                yield from calls[frame]
            else:
                yield frame._replace(function=_ARGUMENTS.sub("[...]", frame.function))

    return tuple(frames())


def _up_to(function: str, stack: Stack) -> Stack:
    """Return the frames up to the function's own, which dumps write with other type arguments."""
    name = short_function(function)
    for place, frame in enumerate(stack):
        if short_function(frame.function) == name:
            return stack[: place + 1]
    return ()
