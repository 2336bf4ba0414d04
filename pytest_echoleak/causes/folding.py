"""One cause is one finding: what a forgotten close leaves in many places is added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.results import Evidence, Finding, with_counts_of
from pytest_echoleak.waiting import wait_state

_IN_STEP = 0.02
_STRAYS = 3
_WORST: tuple[Evidence, ...] = ("sampled", "exact", "unreachable")
_MOST_PLACES = 5

Explained = tuple[Clues, "Cause | None"]


def fold_by_cause(explained: Sequence[Explained]) -> tuple[Finding, ...]:
    """Return the findings, those that one cause explains as one. The order is that of the largest.

    A cause that gathers takes what it recognises, and what came in step with it from code that is
    not the user's: the other end of a connection, say.
    """
    left = list(explained)
    folded: list[Finding] = []
    while left:
        clues, cause = left.pop(0)
        group = [clues]
        head = next((pair for pair in [(clues, cause), *left] if _takes(pair, clues)), None)
        if head is not None:
            cause = head[1]
            assert cause is not None, "only a cause takes others"
            group += [one for one, other in left if _belongs(one, other, cause, head[0])]
            left = [pair for pair in left if not any(pair[0] is one for one in group)]
        folded.append(_as_one(group, cause))
    return tuple(folded)


def _takes(head: Explained, clues: Clues) -> bool:
    """Tell whether the head's cause is one that gathers, and `clues` are part of it."""
    cause = head[1]
    if cause is None or cause.gathers is None:
        return False
    return head[0] is clues or cause.gathers(clues) or _comes_along(clues, head[0])


def _belongs(clues: Clues, found: Cause | None, cause: Cause, head: Clues) -> bool:
    assert cause.gathers is not None
    return found is cause or cause.gathers(clues) or (found is None and _comes_along(clues, head))


def _comes_along(clues: Clues, head: Clues) -> bool:
    """Tell whether this is no line of the user's, and comes as often as the head does."""
    if any(one.place is not None for one in clues.grown):
        return False
    rate, leading = _count(clues.finding), _count(head.finding)
    if leading <= 0 or rate < leading / 2:
        return False
    times = round(rate / leading * 2) / 2
    return abs(rate - times * leading) <= _STRAYS + _IN_STEP * times * leading


def _count(finding: Finding) -> int:
    return finding.goroutines or finding.objects


def _as_one(group: Sequence[Clues], cause: Cause | None) -> Finding:
    face = _face(group)
    whole = face.finding
    for other in group:
        if other is not face:
            whole = with_counts_of(whole, other.finding)
            whole = replace(whole, stacks=whole.stacks + other.finding.stacks)
    if len(group) > 1:
        evidence = min((one.finding.evidence for one in group), key=_WORST.index)
        note = _also_at(group, face) or whole.note
        whole = replace(whole, evidence=evidence, note=note)
    whole = replace(whole, state=_state(face))
    if cause is None:
        return whole
    return replace(whole, cause=cause.name, cause_text=cause.text, fix=cause.fix, see=cause.see)


def _face(group: Sequence[Clues]) -> Clues:
    """Return the one that shows best where the cause is: it has a line of the user's."""
    own = [one for one in group if any(grown.place is not None for grown in one.grown)]
    return max(own or group, key=lambda one: (one.finding.bytes, one.finding.goroutines))


def _also_at(group: Iterable[Clues], face: Clues) -> str:
    places = {face.finding.location: ""}
    for one in group:
        if any(grown.place is not None for grown in one.grown):
            places.setdefault(one.finding.location, "")
    others = [f"{one.file}:{one.line}" for one in list(places)[1:]]
    return f"also at {', '.join(others[:_MOST_PLACES])}" if others else ""


def _state(clues: Clues) -> str:
    """Return what most of the finding's goroutines wait in, "" where it counts none."""
    if clues.finding.kind != "goroutine":
        return ""
    most = max(clues.goroutines, key=lambda one: one.count, default=None)
    return wait_state(most.inner, most.stack) if most else ""
