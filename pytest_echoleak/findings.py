"""From what grew to findings: one leak each, with its place, its rate and its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pytest_echoleak.folding import Fold
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.rates import per_iteration
from pytest_echoleak.results import Evidence, Finding, with_counts_of
from pytest_echoleak.series import Series

# Entry functions of goroutines that serve whatever comes, not one request's leak.
SHARED_ENTRIES = frozenset({"net/http.(*conn).serve", "runtime.goexit"})

_MOSTLY = 0.9
_MOST_LINES = 8

_MadeOf: TypeAlias = tuple[Finding, tuple[Fold, ...]]


def findings_of(
    folds: Sequence[Fold], series: Series, ownership: Ownership
) -> dict[Finding, tuple[Fold, ...]]:
    """Return the findings, the largest first, each with what it was made of."""
    found = _absorb([(_finding(fold, series, ownership), (fold,)) for fold in folds])
    found.sort(key=lambda one: (-one[0].bytes - 2048 * one[0].goroutines, one[0].location.file))
    return dict(found)


def _absorb(findings: Sequence[_MadeOf]) -> list[_MadeOf]:
    """Count what a leaked goroutine itself allocated as its own: one leak is one finding."""
    absorbed: list[_MadeOf] = []
    goroutines = [one for one in findings if one[0].kind == "goroutine"]
    for heap, folds in (one for one in findings if one[0].kind == "heap"):
        owners = [
            place
            for place, one in enumerate(goroutines)
            if _is_of_goroutine(heap, one[0], goroutines)
        ]
        if len(owners) == 1:
            owner, made_of = goroutines[owners[0]]
            goroutines[owners[0]] = (with_counts_of(owner, heap), (*made_of, *folds))
        else:
            absorbed.append((heap, folds))
    return [*absorbed, *goroutines]


def _is_of_goroutine(heap: Finding, one: Finding, goroutines: Sequence[_MadeOf]) -> bool:
    """Tell whether goroutines allocated what a heap finding counts.

    They have its entry function; where others began alike (a library started them), also its line.
    """
    if not heap.stack or not one.stack or heap.stack[-1].function in SHARED_ENTRIES:
        return False
    entry = heap.stack[-1].function
    if one.stack[-1].function != entry:
        return False
    alike = [other for other, _ in goroutines if other.stack and other.stack[-1].function == entry]
    return len(alike) == 1 or heap.location.function == one.location.function


def _finding(fold: Fold, series: Series, ownership: Ownership) -> Finding:
    heap = fold.kind == "heap"
    count, size_bytes = sum(fold.growth.count), sum(fold.growth.bytes)
    exact = series.exact or not heap
    rate, bytes_rate = per_iteration(fold.growth, series.iterations, exact=exact)
    evidence: Evidence = "exact" if exact else "sampled"
    if fold.unreachable >= max(count * _MOSTLY, 1):
        evidence = "unreachable"
    return Finding(
        kind=fold.kind,
        location=ownership.location(fold.frame),
        stack=ownership.locations(fold.stack),
        stacks=fold.stacks,
        objects_per_iteration=rate if heap else 0.0,
        bytes_per_iteration=bytes_rate if heap else 0.0,
        goroutines_per_iteration=0.0 if heap else rate,
        objects=round(count) if heap else 0,
        bytes=round(size_bytes) if heap else 0,
        goroutines=0 if heap else round(count),
        evidence=evidence,
        note=_shared_note(fold, ownership)
        or fold.note(exact=series.exact, iterations=sum(series.iterations)),
    )


def _shared_note(fold: Fold, ownership: Ownership) -> str:
    if not fold.shared:
        return ""
    lines = [ownership.location(frame) for frame in fold.shared]
    named = ", ".join(f"{one.file}:{one.line} {one.function}" for one in lines[:_MOST_LINES])
    more = f", and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
    return (
        "shared small blocks: objects under 16 B without pointers share blocks, and Go charges a"
        f" block to the line that opened it, whoever keeps it; candidate lines: {named}{more}"
    )
