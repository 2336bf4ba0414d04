"""From clues to findings that name their cause: one finding for each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from pytest_echoleak.causes.catalogue import CATALOGUE
from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.containers import all_containers
from pytest_echoleak.causes.evidence import reads_request
from pytest_echoleak.causes.folding import fold_by_cause
from pytest_echoleak.results import Finding

_MOST_KEEPERS = 3


def explain(clues: Sequence[Clues], own_causes: Sequence[Cause] = ()) -> tuple[Finding, ...]:
    """Return one finding for each cause, with what is known of it.

    `own_causes` are the user's, which come before the catalogue's. What no entry fits stays as it
    is, its cause "other". An entry of the user's that raises an error is left out with a
    warning: it must not hide a leak.
    """
    causes = (*(_careful(one) for one in own_causes), *CATALOGUE)
    return fold_by_cause([(_noted(one), cause_of(one, causes)) for one in clues], causes)


def _noted(clues: Clues) -> Clues:
    """Return the clues to kept requests with a note of what may keep them: no line of theirs does.

    They have nothing of the user's on their stacks, but what keeps them grows at a line of his.
    """
    if not reads_request(clues):
        return clues
    keepers = sorted(all_containers(clues), key=lambda one: -one.bytes)[:_MOST_KEEPERS]
    if not keepers:
        return clues
    lines = [f"{one.kind} at {one.place.file}:{one.place.line}" for one in keepers]
    note = f"{clues.finding.note}; as often grew: {', '.join(lines)}"
    return replace(clues, finding=replace(clues.finding, note=note.removeprefix("; ")))


def cause_of(clues: Clues, causes: Sequence[Cause] = CATALOGUE) -> Cause | None:
    """Return the first of `causes` that the clues show, None where none does."""
    return next((cause for cause in causes if cause.fits(clues)), None)


def _careful(cause: Cause) -> Cause:
    """Return a cause of the user's that fits nothing where its own code fails, and warns of it."""

    def fits(clues: Clues) -> bool:
        try:
            return bool(cause.fits(clues))
        except Exception as error:
            _warn(cause, error)
            return False

    def gathers(clues: Clues, head: Clues) -> bool:
        assert cause.gathers is not None, "else it is not asked"
        try:
            return bool(cause.gathers(clues, head))
        except Exception as error:
            _warn(cause, error)
            return False

    return replace(cause, fits=fits, gathers=gathers if cause.gathers else None)


def _warn(cause: Cause, error: Exception) -> None:
    what = f"{type(error).__name__}: {error}"
    with suppress(RuntimeWarning):  # where warnings are errors it must not hide the leak, either
        warnings.warn(
            f"the cause {cause.name!r} was left out: {what}", RuntimeWarning, stacklevel=2
        )
