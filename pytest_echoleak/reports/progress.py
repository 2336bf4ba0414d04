"""One line on the terminal that tells how far a long check has come, gone when it is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from pytest_echoleak.reports import units
from pytest_echoleak.results import Progress
from pytest_echoleak.text import printable_line

_AFTER_SECONDS = 2.0
_EVERY_SECONDS = 0.25
_LEAST_ROOM = 12

# The line is written behind what stands on the terminal's current line, and the cursor put back:
# nothing scrolls, so pytest's own output goes on as if nothing had been there.
_SAVE, _RESTORE, _ERASE_REST = "\x1b7", "\x1b8", "\x1b[K"


def progress_wanted(verbosity: int) -> bool:
    """Tell whether anyone watches: not under -q, not in CI, not on a terminal without a cursor."""
    in_ci = any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER"))
    return verbosity >= 0 and not in_ci and os.environ.get("TERM", "") not in ("", "dumb")


def progress_text(progress: Progress, room: int) -> str:
    """Return what fits into `room` columns: less and less of it, "" where nothing would help."""
    share = f"{100 * progress.done // progress.total} %" if progress.total > 0 else ""
    seconds = units.duration(progress.seconds)
    phase = printable_line(progress.phase)
    count = f"{progress.done:,}/{progress.total:,}" if progress.total > 0 else ""
    forms = (
        (printable_line(progress.workload, 60), phase, count, seconds),
        (phase, count, seconds),
        (share or phase, seconds),
    )
    for form in forms:
        text = "  " + ", ".join(part for part in form if part)
        if len(text) < room:
            return text
    return ""


class ProgressLine:
    """Shows the progress of one check; used as a context manager, which erases it at the end.

    `uncaptured` returns a context in which standard output is the terminal, `room` how many columns
    are left on its current line. Without `room` nothing is ever shown.
    """

    def __init__(
        self,
        uncaptured: Callable[[], AbstractContextManager[None]] | None,
        room: Callable[[], int] | None,
    ) -> None:
        self._uncaptured = uncaptured or nullcontext
        self._room = room
        self._last_seconds = _AFTER_SECONDS - _EVERY_SECONDS
        self._shown = False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._write("")
            self._shown = False

    def __call__(self, progress: Progress) -> None:
        """Show `progress` if the check has lasted long enough to make one wonder."""
        if self._room is None or progress.seconds < self._last_seconds + _EVERY_SECONDS:
            return
        self._last_seconds = progress.seconds
        room = self._room()
        text = progress_text(progress, room) if room >= _LEAST_ROOM else ""
        if text:
            self._shown = self._write(text)

    def _write(self, text: str) -> bool:
        with self._uncaptured():
            if not sys.stdout.isatty():
                return False
            sys.stdout.write(f"{_SAVE}{text}{_ERASE_REST}{_RESTORE}")
            sys.stdout.flush()
        return True
