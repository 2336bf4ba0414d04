"""What an entry of the catalogue is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_echoleak.causes.clues import Clues


@dataclass(frozen=True)
class Cause:
    """One known way to leak: how to recognise it, what to say of it, and how to mend it.

    - `name`: a stable identifier; `text` and `fix`: one sentence each; `see`: what to read, as a
      command of Go's.
    - `fits`: tells whether the evidence shows this cause. It must not guess: what it says is
      printed as a fact.
    - `gathers`: tells of another finding of the same check (the first argument) whether this cause,
      which the second fits, explains it, too; None: it explains nothing but what fits.
    """

    name: str
    text: str
    fix: str
    see: str
    fits: Callable[[Clues], bool]
    gathers: Callable[[Clues, Clues], bool] | None = None


OTHER = "other"
