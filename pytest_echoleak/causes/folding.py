"""One cause is one finding: what a forgotten close leaves in many places is added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from pytest_echoleak.attribution import together, which_request
from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.evidence import in_step, is_own
from pytest_echoleak.results import Evidence, Finding, with_counts_of
from pytest_echoleak.waiting import wait_state

_WORST: tuple[Evidence, ...] = ("sampled", "exact", "unreachable")
_MOST_PLACES = 5

Explained: TypeAlias = "tuple[Clues, Cause | None]"


def fold_by_cause(explained: Sequence[Explained], causes: Sequence[Cause]) -> tuple[Finding, ...]:
    """Return the findings, those that one cause explains as one; the order is theirs.

    `causes` are those that were tried, the more specific first. A cause that gathers takes what it
    recognises, and what came in step with it from code that is not the user's and that nothing more
    specific explains: the other end of a connection, say.
    """
    ranks = {id(cause): rank for rank, cause in enumerate(causes)}
    heads = sorted(
        (pair for pair in explained if pair[1] is not None and pair[1].gathers is not None),
        key=lambda pair: ranks[id(pair[1])],
    )
    groups: list[tuple[list[Clues], Cause | None]] = []
    left = list(explained)
    for head, cause in heads:
        if not any(one is head for one, _ in left):
            continue
        group = [head]
        group += [
            one
            for one, other in left
            if one is not head and _belongs(one, other, head, cause, ranks)
        ]
        left = [pair for pair in left if not any(pair[0] is one for one in group)]
        groups.append((group, cause))
    groups += [([one], cause) for one, cause in left]
    places = {id(one): place for place, (one, _) in enumerate(explained)}
    groups.sort(key=lambda group: min(places[id(one)] for one in group[0]))
    return tuple(_as_one(group, cause) for group, cause in groups)


def _belongs(
    clues: Clues,
    found: Cause | None,
    head: Clues,
    cause: Cause | None,
    ranks: Mapping[int, int],
) -> bool:
    assert cause is not None, "a head has a cause that gathers"
    assert cause.gathers is not None, "a head has a cause that gathers"
    if found is not None and ranks[id(found)] < ranks[id(cause)]:
        return False
    containers = {
        one.container_number for pair in (clues, head) for one in pair.finding.holders[:1]
    }
    if len(containers - {0}) > 1:
        return False
    return cause.gathers(clues, head) or (not is_own(clues) and in_step(clues, head))


def _as_one(group: Sequence[Clues], cause: Cause | None) -> Finding:
    face = _face(group)
    whole = face.finding
    for other in group:
        if other is not face:
            whole = with_counts_of(whole, other.finding)
            whole = replace(whole, stacks=whole.stacks + other.finding.stacks)
    if len(group) > 1:
        # What a goroutine holds is as dead as the goroutine.
        waiting = [one for one in group if one.finding.kind == "goroutine"]
        evidence = min((one.finding.evidence for one in waiting or group), key=_WORST.index)
        note = _also_at(group, face) or whole.note
        whole = replace(whole, evidence=evidence, note=note)
    if not whole.holders:
        known = max((one.finding for one in group), key=lambda one: (bool(one.holders), one.bytes))
        whole = replace(
            whole,
            holders=known.holders,
            held_by=known.held_by,
            retained_bytes=known.retained_bytes,
        )
    counted = [one for one in group if one.finding.goroutines] or list(group)
    trials = together([one.trials for one in counted])
    request = which_request(sum(one.finding.rate for one in counted), trials)
    whole = replace(whole, state=_state(face), request=request)
    if cause is None:
        return whole
    return replace(whole, cause=cause.name, cause_text=cause.text, fix=cause.fix, see=cause.see)


def _face(group: Sequence[Clues]) -> Clues:
    """Return the one that shows best where the cause is: it has a line of the user's."""
    own = list(filter(_shows_own, group))
    waiting = [one for one in own if one.finding.kind == "goroutine"]
    first = waiting or own or group[:1]
    return max(first, key=lambda one: (one.finding.bytes, one.finding.goroutines))


def _shows_own(clues: Clues) -> bool:
    """Tell whether a finding stands at a line of the user's: what it holds may have one, too."""
    places = {one.place for one in clues.grown}
    places |= {one.container_location for one in clues.finding.holders}
    return is_own(clues) and clues.finding.location in places


def _also_at(group: Iterable[Clues], face: Clues) -> str:
    places = [face.finding.location]
    places += [one.finding.location for one in filter(_shows_own, group)]
    others = [f"{one.file}:{one.line}" for one in dict.fromkeys(places)][1:]
    return f"also at {', '.join(others[:_MOST_PLACES])}" if others else ""


def _state(clues: Clues) -> str:
    """Return what most of the finding's goroutines wait in, "" where it counts none."""
    if clues.finding.kind != "goroutine":
        return ""
    most = max(clues.goroutines, key=lambda one: one.count, default=None)
    return wait_state(most.inner, most.stack) if most else ""
