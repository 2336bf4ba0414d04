"""What explains a leak: who holds what grew, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.explaining import explain
from pytest_echoleak.causes.held import fold_by_holder, with_holders
from pytest_echoleak.dumping import Dumping
from pytest_echoleak.holding import holders_of
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.results import Finding
from pytest_echoleak.verdict import Judgement


@dataclass(frozen=True)
class Explanation:
    """What was found, with holders and causes; `no_holders`: why no holders are named."""

    findings: tuple[Finding, ...] = ()
    no_holders: str = ""


def held_clues(
    clues: tuple[Clues, ...],
    judgement: Judgement,
    dumping: Dumping,
    ownership: Ownership,
    causes: Sequence[Cause],
) -> tuple[tuple[Clues, ...], str]:
    """Return the clues to a leak with who holds it, and why nobody is named where that failed.

    Where goroutines that are proved dead explain all that grew, no heap dump is looked at: a
    verdict in a second is worth more than their names.
    """
    if judgement.proven and _only_goroutines(clues, causes):
        return clues, ""
    known, no_holders = _with_holders(clues, judgement, dumping, ownership)
    return fold_by_holder(known), no_holders


def unsure_findings(
    clues: tuple[Clues, ...],
    judgement: Judgement,
    dumping: Dumping,
    ownership: Ownership,
    causes: Sequence[Cause],
) -> tuple[Finding, ...]:
    """Return what an inconclusive check found, with who holds it.

    A cause is told of what grew steadily alone: of what may not leak at all it would be an
    accusation.
    """
    known: Sequence[Clues] = clues
    if not dumping.costs_much:
        known, _ = _with_holders(clues, judgement, dumping, ownership)
    sure = len(judgement.steady)
    return explain(fold_by_holder(known[:sure]), causes) + tuple(
        one.finding for one in known[sure:]
    )


def _with_holders(
    clues: tuple[Clues, ...], judgement: Judgement, dumping: Dumping, ownership: Ownership
) -> tuple[list[Clues], str]:
    findings = [one.finding for one in clues]
    held, no_holders = holders_of(judgement, findings, dumping, ownership)
    known = [
        with_holders(one, who.by, who.containers) for one, who in zip(clues, held, strict=True)
    ]
    return known, no_holders


def _only_goroutines(clues: tuple[Clues, ...], causes: Sequence[Cause]) -> bool:
    return all(one.kind == "goroutine" for one in explain(clues, causes))
