"""Growth that is spread over several functions: what one of the user's called, all together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from pytest_echoleak.folding import Fold
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth


@dataclass
class Caller:
    """A function of the user's, and what grew below it in others of the user's.

    `frame` is one of its calls, `place` where that stands in a stack: the larger, the further out.
    """

    frame: Frame
    place: int
    stacks: dict[Stack, Growth] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)


def callers_of(folds: Iterable[Fold], ownership: Ownership) -> list[Caller]:
    """Return who called several functions of the user's below which `folds`, of heap, changed.

    The innermost come first; of those that have the same below them there is only the innermost.
    """
    is_own = cache(ownership.is_own)
    callers: dict[str, Caller] = {}
    for fold in folds:
        for stack, growth in fold.parts.items():
            for place, frame in _callers_in(stack, fold.frame, is_own):
                caller = callers.setdefault(frame.function, Caller(frame, place))
                caller.stacks[stack] = growth
                caller.called.add(fold.frame.function)
    found: dict[frozenset[Stack], Caller] = {}
    for caller in sorted(callers.values(), key=lambda one: (len(one.stacks), one.place)):
        if len(caller.called) > 1:
            found.setdefault(frozenset(caller.stacks), caller)
    return list(found.values())


def _callers_in(
    stack: Stack, place: Frame, is_own: Callable[[Frame], bool]
) -> Iterator[tuple[int, Frame]]:
    """Yield where the user's functions stand that called `place`, each of them once."""
    inside = True
    known = {place.function}
    for number, frame in enumerate(stack):
        if inside:
            inside = frame != place
        elif frame.function not in known and is_own(frame):
            known.add(frame.function)
            yield number, frame
