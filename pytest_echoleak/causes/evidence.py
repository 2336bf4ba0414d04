"""Questions to clues that several entries of the catalogue ask."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_echoleak.causes.clues import Clues, Grown, called
from pytest_echoleak.ownership import package_of
from pytest_echoleak.results import Location
from pytest_echoleak.waiting import wait_state

ContainerKind: TypeAlias = Literal["map", "slice", "string", "list"]

# A container that takes one entry per iteration grows by a few objects per thousand of them...
_FEW_OBJECTS = 0.1
# ... and by at least half a word: what a slice of pointers takes while it still has room.
_FEWEST_BYTES = 4.0
READ_REQUEST = "net/http.readRequest"
_OBJECTS_OF_A_REQUEST = 40
_MOSTLY = 0.6
_NOTABLE = 0.25
_IN_STEP = 0.02
_STRAYS = 3
_FAR = 1_000

_MAP_GROWS = ("runtime.mapassign", "runtime.hashGrow", "internal/runtime/maps.")
_SYNC_MAP = ("sync.(*Map).", "internal/sync.(*HashTrieMap")
_SLICE_GROWS = ("runtime.growslice", "runtime.makeslice")
_STRING_GROWS = ("runtime.concatstring", "runtime.rawstring", "runtime.rawbyteslice")
_BUFFERS = ("bytes.(*Buffer).", "strings.(*Builder).")
_TIMERS = ("runtime.(*timers).", "runtime.(*timer).")
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
    entries = _events(clues) or clues.iterations
    if entries < _FEW_OBJECTS * clues.iterations and clues.finding.objects <= _STRAYS:
        entries = clues.iterations
    found = [
        Container(kind, one)
        for one in clues.everything
        if (kind := _container_kind(one, entries)) and one.place is not None
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
    # A map beside a list of its entries is what a cache looks like.
    return kinds == {kind} or (kind == "map" and kinds == {"map", "list"})


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


def notably(clues: Clues, *functions: str) -> bool:
    """Tell whether a good part of the finding was allocated by calls of the user's to these.

    The rest may be what was handed to them: a name, a closure.
    """
    return _share(clues, lambda one: called(one.foreign[-1:], functions)) >= _NOTABLE


def below(clues: Clues, pattern: re.Pattern[str]) -> bool:
    """Tell whether a good part of the finding was allocated below a function that is named so."""
    return _share(clues, lambda one: any(map(pattern.search, one.foreign))) >= _NOTABLE


def is_request_part(clues: Clues, head: Clues) -> bool:
    """Tell whether this is what a string cut from requests keeps of them, as often as `head`."""
    return reads_request(clues) and not keeps_requests(clues) and in_step(clues, head)


def reads_request(clues: Clues) -> bool:
    """Tell whether net/http made this while it read requests."""
    return clues.finding.location.function == READ_REQUEST


def keeps_requests(clues: Clues) -> bool:
    """Tell whether whole requests are among it: of each about every tenth object is one."""
    whole = sum(one.count for one in clues.heap)
    requests = sum(
        one.count for one in clues.heap if one.functions[:1] and _is_request(one.functions[0])
    )
    return requests * _OBJECTS_OF_A_REQUEST >= whole > 0


def _is_request(function: str) -> bool:
    return function.startswith(READ_REQUEST)


def in_step(clues: Clues, head: Clues) -> bool:
    """Tell whether this came as often as `head` did, or a whole number of times as often."""
    came, leading = _events(clues), _events(head)
    times = round(came / leading) if leading > 0 else 0
    return times >= 1 and abs(came - times * leading) <= _STRAYS + _IN_STEP * came


def _events(clues: Clues) -> float:
    """Return how often a finding's growth happened: what most of its stacks grew by."""
    if clues.finding.shares_blocks:
        return clues.finding.objects
    goroutines = [one.count for one in clues.goroutines]
    counts = goroutines or [one.count for one in clues.heap]
    if not counts:
        return 0.0
    notable = [count for count in counts if count >= _NOTABLE * max(counts)]
    return statistics.median_high(notable)


def is_own(clues: Clues) -> bool:
    """Tell whether a line of the user's is on the finding's stacks, and answers for it."""
    return not clues.finding.shares_blocks and any(one.place is not None for one in clues.grown)


def packages_below(clues: Clues) -> frozenset[str]:
    """Return the packages of libraries that the user's nearest line called to make the finding."""
    return frozenset(package_of(name) for one in clues.grown for name in one.foreign)


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

    At hand are those that put the finding's objects into a container.
    """
    pattern = re.compile(words)
    return any(
        pattern.search(name.rpartition("/")[2])
        for container in containers(clues)
        for name in (container.place.function, *container.grown.foreign)
    )


def _share(clues: Clues, wanted: Callable[[Grown], bool]) -> float:
    whole = sum(max(one.count, 0.0) for one in clues.heap)
    part = sum(max(one.count, 0.0) for one in clues.heap if wanted(one))
    return part / whole if whole > 0 else 0.0


def _container_kind(one: Grown, entries: float) -> ContainerKind | None:
    """Return what kind of container a stack fills, if it does, with so many entries."""
    if one.kind != "heap" or any(name.startswith(_TIMERS) for name in one.inner):
        return None
    if called(one.foreign, _LISTS) and one.count >= _FEW_OBJECTS * entries:
        return "list"
    if one.foreign and one.foreign[-1].startswith(_SYNC_MAP):
        return "map"
    if one.count > _FEW_OBJECTS * entries or one.bytes < _FEWEST_BYTES * entries:
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
