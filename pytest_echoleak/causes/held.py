"""One holder is one finding: what hangs from the same container, or from a leaked goroutine."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.evidence import is_notably_own, is_own
from pytest_echoleak.pprof.frames import short_function
from pytest_echoleak.results import Finding, HeldBy, Location, with_counts_of

_MOSTLY = 0.9
_TELLING_SHARE = 0.5
_WRAPPER = ".gowrap"
_CLOSURE = re.compile(r"\.func\d+(\.\d+)*$")
# A list or a tree is made of what it has, one node at a time.
_HAVE_ROOM = ("map", "sync.Map", "slice", "channel")
_Key: TypeAlias = tuple[str, object]
"""What a holder is known by: a container's number, goroutines' entry function, a finalizer's
object, the function that made a timer."""


def with_holders(
    clues: Clues, holders: Sequence[HeldBy], containers: frozenset[int] = frozenset()
) -> Clues:
    """Return clues that tell who holds what their finding counts, the largest holder first.

    `containers`: the numbers of the containers that its objects are.
    """
    clues = replace(clues, containers=containers)
    if not holders:
        return clues
    largest = holders[0]
    finding = replace(
        clues.finding,
        holders=tuple(holders),
        held_by=largest.path,
        retained_bytes=largest.retained_bytes,
    )
    if largest.container_location and largest.share >= _TELLING_SHARE and not is_notably_own(clues):
        # No line of the user's made it, but one keeps it.
        finding = replace(finding, location=largest.container_location)
    # What few hold says nothing of why most leaks.
    telling = [one for one in holders if one.share >= _TELLING_SHARE] or [largest]
    return replace(clues, finding=finding, holders=tuple(telling))


def fold_by_holder(clues: Sequence[Clues]) -> tuple[Clues, ...]:
    """Return the clues, those of one holder as one; the order is theirs.

    Heap that only leaked goroutines hold is the goroutines' own. What hangs from one map, slice or
    list leaks for one reason, wherever it was allocated, the slice itself as well: the user's own
    line stands for all of it.
    """
    groups: list[list[Clues]] = []
    by_holder: dict[_Key, list[Clues]] = {}
    above = _containers_above(clues)
    enlarged = _lines_that_enlarge(clues)
    for one in sorted(clues, key=_rank):
        key = _key(one, [group[0].finding for group in groups], above)
        if key is None and not one.finding.holders and one.finding.location in enlarged:
            # Too few of a slice's blocks are in a dump to ask for: it is that slice's line.
            key = ("container", _topmost(enlarged[one.finding.location], above))
        # Goroutines are told apart by where they were started: none joins another's finding.
        group = by_holder.get(key) if key and one.finding.kind == "heap" else None
        if group is None:
            group = []
            groups.append(group)
        group.append(one)
        if key is not None:
            by_holder.setdefault(key, group)
    order = {id(one): place for place, one in enumerate(clues)}
    groups.sort(key=lambda group: min(order[id(one)] for one in group))
    return tuple(map(_merged, groups))


def _containers_above(clues: Sequence[Clues]) -> dict[int, int]:
    """Return for containers that leaked themselves which container they hang from."""
    found: dict[int, int] = {}
    for one in clues:
        largest = _container_of(one)
        for number in one.containers - {largest}:
            found[number] = largest
    return {number: other for number, other in found.items() if other}


def _lines_that_enlarge(clues: Sequence[Clues]) -> dict[Location, int]:
    """Return the container that each line enlarges, by its number, where it is but one."""
    found: defaultdict[Location, set[int]] = defaultdict(set)
    for one in clues:
        if (number := _container_of(one)) and (line := one.finding.holders[0].container_location):
            found[line].add(number)
    return {line: numbers.pop() for line, numbers in found.items() if len(numbers) == 1}


def _topmost(number: int, above: Mapping[int, int]) -> int:
    """Return what a container hangs from in the end, of those that leaked themselves."""
    seen = {number}
    while (upper := above.get(number, 0)) and upper not in seen:
        number = upper
        seen.add(number)
    return number


def _container_of(clues: Clues) -> int:
    """Return the number of the container that most of a finding hangs from, 0 for none."""
    largest = next(iter(clues.finding.holders), None)
    return largest.container_number if largest and largest.share >= _MOSTLY else 0


def _rank(clues: Clues) -> tuple[bool, bool, int]:
    """Goroutines come first, then what the user's own code allocates, the most bytes first."""
    return (clues.finding.kind != "goroutine", not is_own(clues), -clues.finding.bytes)


def _key(clues: Clues, heads: Sequence[Finding], above: Mapping[int, int]) -> _Key | None:
    """Return what a finding shares with others of its holder: None where nothing is known."""
    if clues.finding.kind == "goroutine":
        stack = clues.finding.stack
        return ("goroutine", stack[-1].function) if stack else None
    number = _container_of(clues) or min(clues.containers, default=0)
    if number:
        return ("container", _topmost(number, above))
    largest = next(iter(clues.finding.holders), None)
    if largest is not None and largest.root_kind == "timer":
        return _key_of_timer(clues)
    if largest is None or largest.container:
        return None
    # Of an object whose type is not known it is "a finalizer": that may be anybody's.
    if largest.root_kind == "finalizer" and " of " in "".join(largest.path[:1]):
        alike = [one for one in clues.finding.holders if one.path[:1] == largest.path[:1]]
        mostly = sum(one.share for one in alike) >= _MOSTLY
        return ("finalizer", largest.path[:1]) if mostly else None
    if (
        largest.share < (_TELLING_SHARE if clues.finding.shares_blocks else _MOSTLY)
        or not largest.goroutine
        or largest.alone < _MOSTLY * largest.objects
    ):
        return None
    leaked = _entry_of(largest, heads)
    return ("goroutine", leaked) if leaked else None


def _key_of_timer(clues: Clues) -> _Key | None:
    """Return what timers and all that they will call have in common: who made both."""
    made_in = {
        _made_in(one.path[1]) if len(one.path) > 1 else clues.finding.location.function
        for one in clues.finding.holders
        if one.root_kind == "timer"
    }
    timed = sum(one.share for one in clues.finding.holders if one.root_kind == "timer")
    if timed < _MOSTLY or len(made_in) != 1:
        return None
    return ("timer", short_function(made_in.pop()))


def _made_in(closure: str) -> str:
    """Return the function that a closure is in: "main.retry" of "func main.retry.func1"."""
    return _CLOSURE.sub("", closure.rpartition("func ")[2])


def _entry_of(held: HeldBy, findings: Sequence[Finding]) -> str:
    """Return the entry function of the leaked goroutines that hold something, "" where none do.

    Dumps shorten packages to their last part. A function that is inlined into the wrapper of its
    `go` statement has no name there: it is meant where no other goroutines leak.
    """
    waiting = [one for one in findings if one.kind == "goroutine" and one.stack]
    wanted = short_function(held.goroutine)
    for one in waiting:
        if short_function(one.stack[-1].function) == wanted:
            return one.stack[-1].function
    is_only = len(waiting) == 1 and held.goroutines >= waiting[0].goroutines
    return waiting[0].stack[-1].function if _WRAPPER in held.goroutine and is_only else ""


def _merged(group: Sequence[Clues]) -> Clues:
    """Return findings as one, at one of the user's own lines; of dead goroutines, as dead.

    Of several that of the function which puts into the container what it makes, if there is one.
    """
    if len(group) == 1:
        return group[0]
    first = group[0]
    own = list(filter(is_own, group)) or [first]
    face = next((one for one in own if _puts_it_there(one) or _is_timer(one)), own[0])
    finding, grown, around = face.finding, face.grown, face.around
    for other in group:
        if other is face:
            continue
        finding = with_counts_of(finding, other.finding)
        finding = replace(finding, stacks=finding.stacks + other.finding.stacks)
        taken = {id(one) for one in other.grown}
        grown = (*grown, *other.grown)
        around = tuple(one for one in around if id(one) not in taken)
    merged = replace(face, finding=finding, grown=grown, around=around)
    if first.finding.kind == "goroutine":
        finding = _named(finding, short_function(first.finding.stack[-1].function))
        return replace(merged, finding=replace(finding, evidence=first.finding.evidence))
    return _with_most_holders(merged, group)


def _is_timer(clues: Clues) -> bool:
    """Tell whether it is timers themselves, and not just what they will call and be given."""
    return any(one.root_kind == "timer" and len(one.path) == 1 for one in clues.finding.holders)


def _puts_it_there(clues: Clues) -> bool:
    """Tell whether the function that makes the objects, and not just room for them, adds them."""
    largest = next(iter(clues.finding.holders), None)
    if largest is None or largest.container_location is None:
        return False
    is_room = (
        largest.container in _HAVE_ROOM
        and largest.path[-1].rpartition(" ")[2] == largest.container_type.rpartition(" ")[2]
    )
    return not is_room and largest.container_location.function == clues.finding.location.function


def _with_most_holders(merged: Clues, group: Sequence[Clues]) -> Clues:
    """Return the clues with the holders of most of the objects.

    Of a slice that grows and what is in it, these lead over the slice to the objects.
    """
    most = max(group, key=_held_objects)
    finding = replace(
        merged.finding,
        holders=most.finding.holders,
        held_by=most.finding.held_by,
        retained_bytes=max(one.finding.retained_bytes or 0 for one in group),
    )
    return replace(merged, finding=finding, holders=most.holders)


def _held_objects(clues: Clues) -> int:
    return sum(one.objects for one in clues.finding.holders)


def _named(finding: Finding, entry: str) -> Finding:
    """Return a finding whose holders have the name of the goroutines' entry, not a wrapper's."""
    holders = tuple(
        replace(
            one,
            goroutine=entry,
            path=(one.path[0].replace(one.goroutine, entry), *one.path[1:]),
        )
        if _WRAPPER in one.goroutine
        else one
        for one in finding.holders
    )
    return replace(finding, holders=holders, held_by=holders[0].path if holders else ())
