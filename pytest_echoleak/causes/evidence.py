"""Questions to clues that several entries of the catalogue ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_echoleak.causes.clues import Clues, Grown, called
from pytest_echoleak.results import Location
from pytest_echoleak.waiting import wait_state

ContainerKind: TypeAlias = Literal["map", "slice", "string", "list"]

# A container that takes one entry per iteration grows by a few objects per thousand of them...
_FEW_OBJECTS = 0.1
# ... and by at least half a word: what a slice of pointers takes while it still has room.
_FEWEST_BYTES = 4.0
_MOSTLY = 0.6
_FAR = 1_000

_MAP_GROWS = ("runtime.mapassign", "runtime.hashGrow", "internal/runtime/maps.")
_SYNC_MAP = ("sync.(*Map).", "internal/sync.(*HashTrieMap")
_SLICE_GROWS = ("runtime.growslice", "runtime.makeslice")
_STRING_GROWS = ("runtime.concatstring", "runtime.rawstring", "runtime.rawbyteslice")
_BUFFERS = ("bytes.(*Buffer).", "strings.(*Builder).")
_LISTS = ("container/list.(*List).insertValue", "container/list.(*List).PushBack")


@dataclass(frozen=True)
class Container:
    """Something that grows as entries are added: `grown` is where."""

    kind: ContainerKind
    grown: Grown

    @property
    def place(self) -> Location:
        """The user's line that adds, or the innermost frame where none is the user's."""
        return self.grown.place or self.grown.stack[0]


def containers(clues: Clues) -> tuple[Container, ...]:
    """Return what grows in steps, or by list elements, nearest to where the objects are made.

    Near is what the same function of the user's adds to, or else the next one out that both stacks
    lead through. For objects that no line of the user's makes there is no such place.
    """
    found = [
        Container(kind, one)
        for one in clues.everything
        if (kind := _container_kind(one, clues.iterations)) and one.place is not None
    ]
    callers = [_own_functions(one) for one in clues.heap if one.place is not None]
    steps = {id(one): _steps_between(callers, one.grown) for one in found}
    nearest = min(steps.values(), default=_FAR)
    found = [one for one in found if steps[id(one)] == nearest < _FAR]
    return tuple(sorted(found, key=lambda one: -one.grown.bytes))


def _steps_between(callers: Sequence[tuple[str, ...]], grown: Grown) -> int:
    """Return how many of the user's calls the objects are away from what both come from."""
    functions = set(_own_functions(grown))
    return min(
        (step for chain in callers for step, function in enumerate(chain) if function in functions),
        default=_FAR,
    )


def _own_functions(grown: Grown) -> tuple[str, ...]:
    return tuple(frame.function for frame, own in zip(grown.stack, grown.own, strict=True) if own)


def held_in(clues: Clues, kind: str) -> bool:
    """Tell whether what leaks is kept in such a container.

    A holder tells for certain. Else it is what grows beside it, if nothing of another kind does.
    """
    if clues.holders:
        return any(kind in (one.container, *_alike(one.container)) for one in clues.holders)
    kinds = {one.kind for one in containers(clues)}
    return kinds == {kind}


def _alike(container: str) -> tuple[str, ...]:
    return {"sync.Map": ("map",), "[]byte": ("string",)}.get(container, ())


def directly(clues: Clues, *functions: str) -> bool:
    """Tell whether most of the finding was allocated by a call of the user's to one of these.

    The call stands in the user's own code: what a library does by itself is its own matter.
    """
    return _share(clues, lambda one: called(one.foreign[-1:], functions)) >= _MOSTLY


def somewhere(clues: Clues, *functions: str) -> bool:
    """Tell whether any of the finding's stacks leads through one of these."""
    return clues.calls(*functions)


def mostly(clues: Clues, *functions: str) -> bool:
    """Tell whether most of the finding was allocated below one of these."""
    return _share(clues, lambda one: called(one.foreign, functions)) >= _MOSTLY


def states(clues: Clues) -> frozenset[str]:
    """Return what the goroutines of the finding wait in, "" for what is not known."""
    return frozenset(wait_state(one.inner, one.stack) for one in clues.goroutines)


def waits_in(clues: Clues, *wanted: str) -> bool:
    """Tell whether most of the finding's goroutines wait in one of these."""
    whole = sum(one.count for one in clues.goroutines)
    waiting = sum(
        one.count for one in clues.goroutines if wait_state(one.inner, one.stack) in wanted
    )
    return whole > 0 and waiting >= _MOSTLY * whole


def stands_in(clues: Clues, function: str, *wanted: str) -> bool:
    """Tell whether goroutines of the finding wait in one of these ways right in `function`."""
    return any(
        called(one.functions[:1], (function,)) and wait_state(one.inner, one.stack) in wanted
        for one in clues.goroutines
    )


def runs_through(clues: Clues, *functions: str) -> bool:
    """Tell whether a goroutine of the finding is below one of these, wherever it was started."""
    return any(called(one.functions, functions) for one in clues.goroutines)


def made_by(clues: Clues, *inner: str) -> bool:
    """Tell whether most of the finding's objects were made by these functions of the runtime."""
    return _share(clues, lambda one: any(name in inner for name in one.inner)) >= _MOSTLY


def named(clues: Clues, words: str) -> bool:
    """Tell whether a function at hand is named with one of `words` (a pattern).

    At hand are the user's nearest one, and those that put the finding's objects into a container.
    """
    pattern = re.compile(words, re.IGNORECASE)
    names = {clues.finding.location.function}
    for container in containers(clues):
        names.add(container.place.function)
        names.update(container.grown.foreign)
    return any(pattern.search(name.rpartition("/")[2]) for name in names)


def _share(clues: Clues, wanted: Callable[[Grown], bool]) -> float:
    whole = sum(max(one.count, 0.0) for one in clues.heap)
    part = sum(max(one.count, 0.0) for one in clues.heap if wanted(one))
    return part / whole if whole > 0 else 0.0


def _container_kind(one: Grown, iterations: int) -> ContainerKind | None:
    if called(one.foreign, _LISTS) and one.count >= iterations * _FEW_OBJECTS:
        return "list"
    if one.foreign and one.foreign[-1].startswith(_SYNC_MAP):
        return "map"
    if one.count > _FEW_OBJECTS * iterations or one.bytes < _FEWEST_BYTES * iterations:
        return None
    if any(name.startswith(_MAP_GROWS) for name in one.inner):
        return "map"
    if any(name.startswith(_STRING_GROWS) for name in one.inner):
        return "string"
    if any(name.startswith(_BUFFERS) for name in one.foreign):
        return "string"
    if any(name.startswith(_SLICE_GROWS) for name in one.inner):
        return "slice"
    return None
