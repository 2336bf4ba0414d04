"""What keeps the objects of a finding: a map, a slice, a buffer or a list that only grows.

Where no holder tells (no heap was dumped), it is what else grows near the objects: a container that
takes an entry each time is enlarged now and then, at the line that adds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_echoleak.causes.clues import Clues, Grown, called
from pytest_echoleak.causes.evidence import events
from pytest_echoleak.results import HeldBy, Location

ContainerKind: TypeAlias = Literal["map", "sync.Map", "slice", "string", "list", "channel", "tree"]
"""The last two only a holder tells."""

# A container that takes an entry each time grows by a few objects for a thousand of them, ...
_FEW_OBJECTS = 0.1
# ... and by at least half a word: what a slice of pointers takes while it still has room.
_FEWEST_BYTES = 4.0
_ONE_BLOCK = 2
_FAR = 1_000

_MAP_GROWS = ("runtime.mapassign", "runtime.hashGrow", "internal/runtime/maps.")
_SYNC_MAP = ("sync.(*Map).", "internal/sync.(*HashTrieMap")
_SLICE_GROWS = ("runtime.growslice", "runtime.makeslice")
_STRING_GROWS = ("runtime.concatstring", "runtime.rawstring", "runtime.rawbyteslice")
_BUFFERS = ("bytes.(*Buffer).", "strings.(*Builder).")
_TIMERS = ("runtime.(*timers).", "runtime.(*timer).")
# These make an object for each entry.
_MAKE_ENTRIES = ("list", "sync.Map")
_LISTS = ("container/list.(*List).insertValue",)
_MAP_TYPE = re.compile(r"([\w-]+)\.\w*[mM]ap\w*\[")  # xsync.mapTable[...].buckets
_METHODS_PACKAGE = re.compile(r"^[^.(]*\.(?=\(|[A-Z]\w*\.(?!func\d)\w)")


@dataclass(frozen=True)
class Container:
    """Something that only grows. `place`: the user's line that adds to it.

    `bytes`: by how much it grew; `callers`: the user's functions that lead to the line; `through`:
    what the line calls to add.
    """

    kind: ContainerKind
    place: Location
    bytes: float
    callers: frozenset[str]
    through: frozenset[str]


def containers(clues: Clues) -> tuple[Container, ...]:
    """Return the containers nearest to where the finding's objects are made.

    Near is what the same function of the user's adds to, or else the next one out that both stacks
    lead through. For objects that no line of the user's makes there is no such place.
    """
    chains = [_own_functions(one) for one in clues.heap if one.place is not None]
    if not chains:
        return ()
    steps = {one: _steps_between(chains, one) for one in all_containers(clues)}
    nearest = min(steps.values(), default=_FAR)
    found = [one for one, step in steps.items() if step == nearest < _FAR]
    return tuple(sorted(found, key=lambda one: -one.bytes))


def held_in(clues: Clues, kind: ContainerKind) -> bool:
    """Tell whether what leaks is kept in such a container.

    A holder tells for certain. Else it is what grows near it, if nothing of another kind does.
    """
    if clues.holders:
        return any(kind in _kinds_held(clues, one) for one in clues.holders)
    kinds = {known for one in containers(clues) for known in _kinds(one.kind)}
    # A map beside a list of its entries is what a cache looks like.
    return kinds == {kind} or (kind == "map" and kinds == {"map", "list"})


def is_enlarged_slice(clues: Clues) -> bool:
    """Tell whether a few slices became longer, wherever they are kept."""
    moved = [one for one in clues.heap if "runtime.growslice" in one.inner]
    whole = sum(one.bytes for one in clues.heap)
    few = sum(one.count for one in clues.heap) <= _FEW_OBJECTS * clues.iterations
    return few and whole > 0 and 2 * sum(one.bytes for one in moved) > whole


def named(clues: Clues, words: str) -> bool:
    """Tell whether a function that adds to the container has a name with one of `words`.

    A method's package is no part of its name: it has types of many kinds.
    """
    pattern = re.compile(words)
    return any(
        pattern.search(_METHODS_PACKAGE.sub("", name.rpartition("/")[2]))
        for container in containers(clues)
        for name in (container.place.function, *container.through)
    )


def _kinds_held(clues: Clues, held: HeldBy) -> tuple[str, ...]:
    """Return what a holder's container is: the slices of a library's own map are that map."""
    found = _MAP_TYPE.match(held.container_name) if held.container == "slice" else None
    if found and found[1] in clues.libraries:
        return ("map",)
    return _kinds(held.container)


def _kinds(container: str) -> tuple[str, ...]:
    alike = {"sync.Map": ("map",), "[]byte": ("string",), "linked list": ("list",)}
    return alike.get(container, (container,))


def all_containers(clues: Clues) -> Iterable[Container]:
    """Yield whatever grows at lines of the user's as often as the finding does, near it or not."""
    groups: defaultdict[tuple[ContainerKind, Location], list[Grown]] = defaultdict(list)
    for one in (*clues.grown, *clues.around):
        kind = _kind(one) or ("slice" if clues.shows_runtime and _is_moved(one) else None)
        if kind is not None and one.place is not None:
            groups[kind, one.place].append(one)
    counted = {id(one) for one in clues.grown}
    for (kind, place), stacks in groups.items():
        count, size_bytes = sum(one.count for one in stacks), sum(one.bytes for one in stacks)
        # The finding may be the container itself, which then gets an entry in each iteration.
        itself = any(id(one) in counted for one in stacks)
        if _fills(kind, count, size_bytes, events(clues)) or (
            itself and _fills(kind, count, size_bytes, clues.iterations)
        ):
            callers = frozenset(name for one in stacks for name in _own_functions(one))
            through = frozenset(name for one in stacks for name in one.foreign)
            yield Container(kind, place, size_bytes, callers, through)


def _kind(one: Grown) -> ContainerKind | None:
    if one.kind != "heap" or any(name.startswith(_TIMERS) for name in one.inner):
        return None
    if called(one.foreign, _LISTS):
        return "list"
    if one.foreign and one.foreign[-1].startswith(_SYNC_MAP):
        return "sync.Map"
    if any(name.startswith(_MAP_GROWS) for name in one.inner):
        return "map"
    if any(name.startswith(_STRING_GROWS) for name in one.inner):
        return "string"
    if any(name.startswith(_BUFFERS) for name in one.foreign):
        return "string"
    return "slice" if any(name.startswith(_SLICE_GROWS) for name in one.inner) else None


def _is_moved(one: Grown) -> bool:
    """Tell whether one block became larger and larger, without the runtime's frame for that.

    Of what allocates directly only append does: others would show frames, or more objects.
    """
    return one.kind == "heap" and not one.inner and abs(one.count) <= _ONE_BLOCK


def _fills(kind: ContainerKind, count: float, size_bytes: float, entries: float) -> bool:
    """Tell whether a container of `entries` entries grows like this."""
    if size_bytes < _FEWEST_BYTES * max(entries, 1):
        return False
    return kind in _MAKE_ENTRIES or count <= _FEW_OBJECTS * entries


def _steps_between(chains: Sequence[tuple[str, ...]], container: Container) -> int:
    """Return how many of the user's calls the objects are away from what both come from."""
    return min(
        (
            step
            for chain in chains
            for step, function in enumerate(chain)
            if function in container.callers
        ),
        default=_FAR,
    )


def _own_functions(grown: Grown) -> tuple[str, ...]:
    return tuple(frame.function for frame, own in zip(grown.stack, grown.own, strict=True) if own)
