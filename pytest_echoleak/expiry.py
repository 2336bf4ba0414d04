"""What may go away by itself: things that wait for a time, not for an event."""

from __future__ import annotations

from pytest_echoleak.results import Finding

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
