"""From a judgement to clues: which stacks are behind each finding, and what grew beside it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.folding import Fold
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.results import Finding
from pytest_echoleak.series import Kind, Round
from pytest_echoleak.verdict import Judgement

_KINDS: tuple[Kind, ...] = ("heap", "goroutine")


def clues_of(
    findings: tuple[Finding, ...],
    judgement: Judgement,
    whole: Round,
    ownership: Ownership,
    *,
    shows_runtime: bool,
) -> tuple[Clues, ...]:
    """Return what is known of each of `findings`; `whole` is the check as a single round.

    `shows_runtime`: the heap's stacks were told by an agent.
    """
    grown = {kind: dict(_grown(kind, whole, ownership)) for kind in _KINDS}
    modules = tuple(module.path for module in ownership.modules)
    return tuple(
        Clues(
            finding=finding,
            grown=_of_folds(judgement.made_of[finding], grown),
            around=_beside(judgement.made_of[finding], grown),
            siblings=tuple(one for one in findings if one is not finding),
            modules=modules,
            iterations=whole.iterations,
            shows_runtime=shows_runtime,
        )
        for finding in findings
    )


_ByStack = dict[Kind, dict[Stack, tuple[Grown, ...]]]


def _grown(
    kind: Kind, whole: Round, ownership: Ownership
) -> Iterator[tuple[Stack, tuple[Grown, ...]]]:
    for stack, changes in whole.inner_changes(kind).items():
        frames = ownership.locations(stack)
        own = ownership.own_frames(stack)
        yield (
            stack,
            tuple(
                Grown(kind, frames, inner, own, held.count, held.bytes)
                for inner, held in changes.items()
                if held.count or held.bytes
            ),
        )


def _of_folds(folds: tuple[Fold, ...], grown: _ByStack) -> tuple[Grown, ...]:
    return tuple(
        one for fold in folds for stack in fold.parts for one in grown[fold.kind].get(stack, ())
    )


def _beside(folds: tuple[Fold, ...], grown: _ByStack) -> tuple[Grown, ...]:
    counted = {(fold.kind, stack) for fold in folds for stack in fold.parts}
    return tuple(
        one
        for kind, stacks in grown.items()
        for stack, ones in stacks.items()
        if (kind, stack) not in counted
        for one in ones
    )
