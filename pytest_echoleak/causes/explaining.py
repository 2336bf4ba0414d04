"""From clues to findings that name their cause: one finding for each."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_echoleak.causes.catalogue import CATALOGUE
from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.folding import fold_by_cause
from pytest_echoleak.results import Finding


def explain(clues: Sequence[Clues], own_causes: Sequence[Cause] = ()) -> tuple[Finding, ...]:
    """Return one finding for each cause, with what is known of it.

    `own_causes` are the user's, which come before the catalogue's. What no entry fits stays as it
    is, its cause "other".
    """
    causes = (*own_causes, *CATALOGUE)
    return fold_by_cause([(one, cause_of(one, causes)) for one in clues], causes)


def cause_of(clues: Clues, causes: Sequence[Cause] = CATALOGUE) -> Cause | None:
    """Return the first of `causes` that the clues show, None where none does."""
    return next((cause for cause in causes if cause.fits(clues)), None)
