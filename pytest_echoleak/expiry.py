"""What may go away by itself: things that wait for a time, not for an event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from pytest_echoleak.capacity import outgrows
from pytest_echoleak.folding import READ_REQUEST, Fold
from pytest_echoleak.results import Expiry, Finding
from pytest_echoleak.series import Growth, Series
from pytest_echoleak.trends import excluded, in_steps

_LEFT_SHARE = 0.1
# What is rarer than `detect` has not gone for that.
_MOSTLY_LEFT = 0.5
_FEW_LEFT = 10
# Caches forget within minutes; sessions live on for longer, and who forgets to end them leaks.
_LONGEST_LIFE_SECONDS = 900.0
_MOSTLY_HELD = 0.5
_GOS_OWN = ("runtime.", "time.")

# function -> what it means that something was allocated below it, or sleeps in it
_TIMED = {
    "time.Sleep": "a goroutine sleeps",
    "time.AfterFunc": "a timer that has not run out",
    "time.After": "a timer that has not run out",
    "time.NewTimer": "a timer that has not run out",
    # The runtime makes room for more timers than there ever were.
    "time.(*Timer).Reset": "a timer that has not run out",
    "context.WithDeadline": "a context whose time-out has not come, and that nobody cancelled",
    "context.WithDeadlineCause": "a context whose time-out has not come, and that nobody cancelled",
    "context.WithTimeout": "a context whose time-out has not come, and that nobody cancelled",
    "context.WithTimeoutCause": "a context whose time-out has not come, and that nobody cancelled",
}
# The same for methods of libraries, by the end of their symbols: versions stand before it.
_TIMED_METHODS = {
    "/middleware.(*RateLimiterMemoryStore).Allow": "a visitor whom Echo's rate limiter knows",
}


def expiring(finding: Finding) -> str:
    """Return why what a finding counts may go away by itself, "" where nothing says so."""
    for location in finding.stack:
        if location.function in _TIMED:
            return _TIMED[location.function]
        for method, why in _TIMED_METHODS.items():
            if location.function.endswith(method):
                return why
    return ""


def all_expiring(findings: Sequence[Finding], endless: Collection[str] = ()) -> str:
    """Return why all that `findings` count may go away by itself, "" where some of it may not.

    What a function allocates beside a timer is taken to go with it, small blocks that lines share
    to go with all the rest, and so does a part of each request that a timer's function captured.
    `endless` are functions that never return: goroutines in one of them stay.
    """
    if any(_never_ends(one, endless) for one in findings):
        return ""
    reasons = {finding.location.function: why for finding in findings if (why := expiring(finding))}
    timed = max((one.objects for one in findings if one.location.function in reasons), default=0)
    for finding in findings:
        captured = finding.location.function == READ_REQUEST and finding.objects <= timed
        if finding.location.function not in reasons and not finding.shares_blocks and not captured:
            return ""
    return next(iter(reasons.values()), "")


def asleep(findings: Sequence[Finding]) -> frozenset[str]:
    """Return the functions in which goroutines of `findings` stand that may end by themselves."""
    return frozenset(
        location.function
        for finding in findings
        if finding.kind == "goroutine" and expiring(finding)
        for location in finding.stack
        if not location.function.startswith(_GOS_OWN)
    )


def _never_ends(finding: Finding, endless: Collection[str]) -> bool:
    return finding.kind == "goroutine" and any(one.function in endless for one in finding.stack)


def expiring_entries(findings: Sequence[Finding]) -> Expiry | None:
    """Return when all that `findings` count expires, as its entries say; None where some do not.

    What lives for longer than a quarter of an hour is no cache's entry to wait for.
    """
    ends = [_expiry_of(finding) for finding in findings]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends):
        return None
    last = max(known, key=lambda end: end.latest_seconds)
    if last.latest_seconds > _LONGEST_LIFE_SECONDS:
        return None
    return replace(last, soonest_seconds=min(end.soonest_seconds for end in known))


def _expiry_of(finding: Finding) -> Expiry | None:
    """Return when it expires; None where it has a holder beside that says nothing."""
    ends = [one.expiry for one in finding.holders if one.share >= _MOSTLY_HELD]
    if finding.kind != "heap" or None in ends:
        return None
    return max((end for end in ends if end), key=lambda end: end.latest_seconds, default=None)


def gone(grown: Sequence[Fold], whole: Series, detect: float) -> bool:
    """Tell whether so little of `grown` is left that no leak at `detect` is among it.

    `whole` is the series of one round, from before the check until now. Objects and goroutines are
    counted, or bytes where few objects hold many: but a map whose entries are gone, that the same
    function put there, keeps its capacity, if it did not outgrow them.
    """
    counted = [fold for fold in grown if not in_steps(fold.growth)]
    if not all(_is_gone(fold, whole, detect) for fold in counted):
        return False
    emptied = {fold.frame.function for fold in counted}
    return all(
        _bytes_are_gone(fold, whole)
        or (fold.frame.function in emptied and not outgrows(fold, counted))
        for fold in grown
        if in_steps(fold.growth)
    )


def _is_gone(fold: Fold, whole: Series, detect: float) -> bool:
    left = sum(sum(growth.count) for growth in _left(fold, whole))
    most = max(_MOSTLY_LEFT * sum(fold.growth.count), _FEW_LEFT)
    return left <= most and excluded(left, sum(whole.iterations), detect)


def _bytes_are_gone(fold: Fold, whole: Series) -> bool:
    left = sum(sum(growth.bytes) for growth in _left(fold, whole))
    return left <= _LEFT_SHARE * sum(fold.growth.bytes)


def _left(fold: Fold, whole: Series) -> Iterable[Growth]:
    """Return by how much that which a fold is made of has grown until now."""
    if fold.whole_process and not whole.exact:
        return (whole.totals,)
    if fold.kind == "goroutine":
        # It may stand at another line by now: what it was started with stays the same.
        entries = {stack[-1] for stack in fold.parts}
        places = whole.goroutines
        return (growth for stack, growth in places.items() if stack[-1] in entries)
    return (whole.heap[stack] for stack in fold.parts if stack in whole.heap)
