"""What may go away by itself: things that wait for a time, not for an event."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_echoleak.results import Finding
from pytest_echoleak.trends import excluded

_LEFT_SHARE = 0.1

# function -> what it means that something was allocated below it, or sleeps in it
_TIMED = {
    "time.Sleep": "a goroutine sleeps",
    "time.AfterFunc": "a timer that has not run out",
    "time.After": "a timer that has not run out",
    "time.NewTimer": "a timer that has not run out",
    "context.WithDeadline": "a context whose time-out has not come, and that nobody cancelled",
    "context.WithDeadlineCause": "a context whose time-out has not come, and that nobody cancelled",
    "context.WithTimeout": "a context whose time-out has not come, and that nobody cancelled",
    "context.WithTimeoutCause": "a context whose time-out has not come, and that nobody cancelled",
}


def expiring(finding: Finding) -> str:
    """Return why what a finding counts may go away by itself, "" where nothing says so."""
    for location in finding.stack:
        if location.function in _TIMED:
            return _TIMED[location.function]
    return ""


def gone(
    before: Sequence[Finding], after: Sequence[Finding], iterations: int, detect: float
) -> bool:
    """Tell whether so little of `before` is left in `after` that no leak at `detect` is among it.

    Objects and goroutines are counted; bytes where nothing else grew. The map that held what is
    gone keeps its capacity.
    """
    left = {_place(finding): finding for finding in after}
    return all(
        _is_gone(finding, left.get(_place(finding)), iterations, detect)
        for finding in before
        if finding.grew
    )


def _is_gone(before: Finding, left: Finding | None, iterations: int, detect: float) -> bool:
    if left is None:
        return True
    if before.objects + before.goroutines > 0:
        return excluded(left.objects + left.goroutines, iterations, detect)
    return left.bytes <= _LEFT_SHARE * before.bytes


def _place(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.location.file, finding.location.function
