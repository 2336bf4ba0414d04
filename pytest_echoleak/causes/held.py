"""One holder is one finding: what hangs from the same container, or from a leaked goroutine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_echoleak.causes.clues import Clues, Holder
from pytest_echoleak.causes.evidence import is_own
from pytest_echoleak.pprof.frames import short_function
from pytest_echoleak.results import Finding, HeldBy, with_counts_of

_MOSTLY = 0.9
_WRAPPER = ".gowrap"


def with_holders(clues: Clues, holders: Sequence[HeldBy]) -> Clues:
    """Return clues that tell who holds what their finding counts, the largest holder first."""
    if not holders:
        return clues
    largest = holders[0]
    finding = replace(
        clues.finding,
        holders=tuple(holders),
        held_by=largest.path,
        retained_bytes=largest.retained_bytes,
    )
    return replace(clues, finding=finding, holders=tuple(map(_as_clue, holders)))


def _as_clue(held: HeldBy) -> Holder:
    return Holder(
        root=held.root_kind,
        container=held.container,
        container_type=held.container_type,
        path=held.path,
        kept_type=held.path[-1] if len(held.path) > 1 else "",
    )


def fold_by_holder(clues: Sequence[Clues]) -> tuple[Clues, ...]:
    """Return the clues, those of one holder as one; the order is theirs.

    Heap that only leaked goroutines hold is the goroutines' own. What hangs from one map, slice or
    list leaks for one reason, wherever it was allocated: the user's own line stands for all of it.
    """
    heads: list[Clues] = []
    by_holder: dict[object, int] = {}
    for one in sorted(clues, key=_rank):
        key = _key(one, heads)
        place = by_holder.get(key) if key is not None else None
        if place is None:
            if key is not None:
                by_holder[key] = len(heads)
            if one.finding.kind == "goroutine" and one.finding.stack:
                by_holder[("goroutine", one.finding.stack[-1].function)] = len(heads)
            heads.append(one)
        else:
            heads[place] = _merged(heads[place], one)
    order = [one.finding.location for one in clues]
    return tuple(sorted(heads, key=lambda one: order.index(one.finding.location)))


def _rank(clues: Clues) -> tuple[bool, bool, int]:
    """Goroutines come first, then what the user's own code allocates, the most bytes first."""
    return (clues.finding.kind != "goroutine", not is_own(clues), -clues.finding.bytes)


def _key(clues: Clues, heads: Sequence[Clues]) -> object:
    if clues.finding.kind == "goroutine" or not clues.finding.holders:
        return None
    largest = clues.finding.holders[0]
    if largest.share < _MOSTLY:
        return None
    if largest.goroutine and not largest.container:
        if largest.alone < _MOSTLY * largest.objects:
            return None
        entries = [
            head.finding.stack[-1].function for head in heads if _waits(head.finding, largest)
        ]
        return ("goroutine", entries[0]) if entries else None
    return ("container", largest.container_number) if largest.container_number else None


def _waits(finding: Finding, held: HeldBy) -> bool:
    """Tell whether a finding's goroutines are those that hold something.

    Dumps shorten packages to their last part. A function that is inlined into the wrapper of its
    `go` statement has no name there: such are told by their number.
    """
    if finding.kind != "goroutine" or not finding.stack:
        return False
    if _WRAPPER in held.goroutine:
        return held.goroutines >= finding.goroutines
    return short_function(finding.stack[-1].function) == short_function(held.goroutine)


def _merged(head: Clues, other: Clues) -> Clues:
    finding = with_counts_of(head.finding, other.finding)
    finding = replace(finding, stacks=head.finding.stacks + other.finding.stacks)
    retained = (head.finding.retained_bytes, other.finding.retained_bytes)
    if finding.kind != "goroutine":
        finding = replace(finding, retained_bytes=max(one or 0 for one in retained))
    return replace(head, finding=finding, grown=(*head.grown, *other.grown))
