"""Growth that is spread over several functions: what one of the user's called, all together.

Below one function, say a middleware, all that a service has may move a little: what is rarer than
`_FLOOR_OBJECTS` per iteration is not looked for. What several functions keep of the same requests
counts once: no request leaks more often for it. A caller that grows steadily tells what is unclear
of each function that it called; one that is unclear says nothing where one of these is, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from pytest_echoleak.folding import Fold, fold_stacks
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth
from pytest_echoleak.trends import Trend, trend

_FLOOR_OBJECTS = 0.03
_FEW_OBJECTS = 4  # may come in the same rounds by chance


@dataclass
class Caller:
    """A function of the user's, and what grew below it in others of the user's.

    `frame` is one of its calls, `place` where that stands in a stack: the larger, the further out.
    """

    frame: Frame
    place: int
    stacks: dict[Stack, Growth] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)


def with_spread(
    growing: Sequence[tuple[Fold, Trend]],
    folds: Sequence[Fold],
    iterations: Sequence[int],
    detect: float,
    ownership: Ownership,
) -> list[tuple[Fold, Trend]]:
    """Return what grows, with what only grows below a caller instead of what that tells.

    `growing` are those of `folds` that grow by themselves, and what their growth does.
    """
    heap = [one for one in growing if one[0].kind == "heap"]
    known = {fold.frame.function for fold, does in heap if does is Trend.STEADY}
    lines = [
        fold
        for fold in folds
        if fold.kind == "heap" and fold.own and fold.frame.function not in known
    ]
    callers = callers_of(lines, ownership)
    places = len(folds) + len(callers)
    judged: dict[Trend, list[Fold]] = {one: [] for one in Trend}
    for caller in callers:
        whole = replace(
            fold_stacks("heap", caller.stacks, ownership), frame=caller.frame, spread=True
        )
        does = trend(_events(caller), iterations, max(detect, _FLOOR_OBJECTS), places)
        judged[does].append(whole)
    steady, told = _apart(judged[Trend.STEADY], set())
    kept = [one for one in growing if one not in heap or told.isdisjoint(one[0].parts)]
    known_stacks = told | {stack for fold, _ in heap for stack in fold.parts}
    unclear, _ = _apart(judged[Trend.UNCLEAR], known_stacks)
    return [
        *kept,
        *((fold, Trend.STEADY) for fold in steady),
        *((fold, Trend.UNCLEAR) for fold in unclear),
    ]


def _events(caller: Caller) -> Growth:
    """Return the growth below a caller, what always moved in step (of one request) but once."""
    rounds = len(next(iter(caller.stacks.values())).count)
    several: dict[tuple[float, ...], Growth] = {}
    single = list[Growth]()
    for growth in caller.stacks.values():
        if sum(map(abs, growth.count)) < _FEW_OBJECTS:
            single.append(growth)
        else:
            several.setdefault(growth.count, growth)
    return Growth.total((*single, *several.values()), rounds)


def _apart(folds: Iterable[Fold], known: set[Stack]) -> tuple[list[Fold], set[Stack]]:
    """Return the folds that share no stack with earlier ones, or `known`, and all their stacks."""
    found, stacks = list[Fold](), set(known)
    for fold in folds:
        if stacks.isdisjoint(fold.parts):
            found.append(fold)
            stacks.update(fold.parts)
    return found, stacks


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
