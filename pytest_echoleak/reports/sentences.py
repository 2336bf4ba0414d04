"""The outcome of a check in one sentence, the same in every report."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_echoleak.reports import units
from pytest_echoleak.results import Finding, LeakReport
from pytest_echoleak.text import printable_line

_ONE_REQUEST = re.compile(r"[A-Z]+ \S+")


def sentence(report: LeakReport) -> str:
    """Return what the check found, in one line."""
    match report.verdict:
        case "leak":
            return _leak(report)
        case "clean":
            return _clean(report)
        case "inconclusive":
            return _inconclusive(report)
        case "error":
            return f"{name(report)} could not be checked: {printable_line(report.reason)}"


def name(report: LeakReport) -> str:
    """Return what was driven, safe to print."""
    return printable_line(report.workload, 120)


def noun(report: LeakReport) -> str:
    """Return what one iteration is: a "request", or an "iteration" of several or of a function."""
    return "request" if _ONE_REQUEST.fullmatch(report.workload) else "iteration"


def because(report: LeakReport) -> tuple[str, str]:
    """Return the two halves of the report's reason: why, and what to change ("" where not said)."""
    why, _, change = printable_line(report.reason, 1000).partition(": ")
    return why, change


def growing(report: LeakReport) -> tuple[Finding, ...]:
    """Return the findings that grew. Of an inconclusive check some only went up and down."""
    return tuple(
        one
        for one in report.findings
        if one.objects_per_iteration > 0
        or one.bytes_per_iteration > 0
        or one.goroutines_per_iteration > 0
    )


def growth(findings: Iterable[Finding]) -> str:
    """Return what findings grow by, all together: "1.000 object (64 B) and 1.000 goroutine"."""
    found = tuple(findings)
    objects = sum(one.objects_per_iteration for one in found)
    size = units.size(sum(one.bytes_per_iteration for one in found))
    goroutines = sum(one.goroutines_per_iteration for one in found)
    parts = []
    if objects > 0:
        parts.append(f"{units.counted(objects, 'object')} ({size})")
    elif size != "0 B":
        parts.append(size)
    if goroutines > 0:
        parts.append(units.counted(goroutines, "goroutine"))
    return " and ".join(parts)


def _leak(report: LeakReport) -> str:
    one = noun(report)
    over = units.whole(report.iterations, one)
    what = growth(report.findings) or "memory"
    return f"{name(report)} leaks {what} per {one}, over {over}"


def _clean(report: LeakReport) -> str:
    over = units.whole(report.iterations, noun(report))
    if report.reason:
        text = f"{name(report)} is clean after {over}: {printable_line(report.reason)}"
    elif report.untouched:
        text = f"{name(report)} is clean: nothing stayed of {over}"
    else:
        text = f"{name(report)} is clean: what stayed did not go on growing over {over}"
    if report.bounds is None:
        return text
    identical = ", identical requests" if report.bounds.identical_requests else ""
    rate = units.one_in(report.bounds.excluded_rate)
    confidence = units.percent(report.bounds.confidence)
    return f"{text}, so fewer than {rate} leaks ({confidence}{identical})"


def _inconclusive(report: LeakReport) -> str:
    over = units.whole(report.iterations, noun(report))
    why = because(report)[0] or "the run could not have seen a leak"
    return f"{name(report)} is inconclusive after {over}: {why}"
