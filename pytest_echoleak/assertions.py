"""The assertions, usable with and without pytest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_echoleak.check import check_service
from pytest_echoleak.errors import SettingError
from pytest_echoleak.options import resolve_options
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.reports import units
from pytest_echoleak.reports.failure import failure_text
from pytest_echoleak.results import LeakReport
from pytest_echoleak.series import Growth, Kind, Round, make_series
from pytest_echoleak.snapshots.snapshot import Snapshot
from pytest_echoleak.text import printable_line
from pytest_echoleak.tolerance import Allow, Tolerance
from pytest_echoleak.verdict import tolerates
from pytest_echoleak.workload.workload import WorkloadLike

if TYPE_CHECKING:
    from pytest_echoleak.service import EchoService


class LeakError(AssertionError):
    """The service keeps something of every so many requests. `report` holds what was found."""

    # As pytest does with its own: a test's output begins with "LeakError: GET /users/42 leaks".
    __module__ = "builtins"

    def __init__(self, message: str, report: LeakReport | None = None) -> None:
        super().__init__(message)
        self.report = report


class InconclusiveError(AssertionError):
    """The check could neither exclude a leak nor show one; `report` says why and what to change."""

    __module__ = "builtins"

    def __init__(self, message: str, report: LeakReport | None = None) -> None:
        super().__init__(message)
        self.report = report


def assert_no_leak(
    service: EchoService,
    workload: WorkloadLike,
    *,
    iterations: int | None = None,
    warmup: int | None = None,
    rounds: int | None = None,
    concurrency: int | None = None,
    tolerance: Tolerance | None = None,
    detect: float | None = None,
    plateau: int | None = None,
    expiry: float | None = None,
    max_seconds: float | None = None,
    allow: Sequence[Allow] = (),
    artifacts_dir: Path | None = None,
) -> LeakReport:
    """Drive `workload` against `service` and raise LeakError where it keeps something of it.

    Returns the report of a clean check. Raises InconclusiveError where a leak could neither be
    shown nor excluded, and an EcholeakError (SettingError, WorkloadError, ServiceError,
    SnapshotError) where the check could not be made. The profiles of a check that is not clean are
    saved in `artifacts_dir`, if given.
    """
    __tracebackhide__ = True
    options = resolve_options(
        {
            "iterations": iterations,
            "warmup": warmup,
            "rounds": rounds,
            "concurrency": concurrency,
            "tolerance": tolerance,
            "detect": detect,
            "plateau": plateau,
            "expiry": expiry,
            "max_seconds": max_seconds,
        }
    )
    report = check_service(service, workload, options, allow, artifacts_dir=artifacts_dir)
    raise_unless_clean(report)
    return report


def raise_unless_clean(report: LeakReport) -> None:
    """Raise LeakError or InconclusiveError with the whole text, unless the report is clean."""
    __tracebackhide__ = True
    if report.verdict == "leak":
        raise LeakError(failure_text(report), report)
    if report.verdict == "inconclusive":
        raise InconclusiveError(failure_text(report), report)


def assert_heap_growth(
    before: Snapshot, after: Snapshot, tolerance: Tolerance, *, iterations: int = 1
) -> None:
    """Raise LeakError where the heap grew between two snapshots by more than `tolerance` accepts.

    `iterations` is what was run in between: the tolerance's rates are per iteration. Growth at
    pprof's own sites is not counted.
    """
    __tracebackhide__ = True
    _assert_growth("heap", before, after, tolerance, iterations)


def assert_goroutine_growth(
    before: Snapshot, after: Snapshot, tolerance: Tolerance, *, iterations: int = 1
) -> None:
    """Raise LeakError where there are more new goroutines than `tolerance` accepts."""
    __tracebackhide__ = True
    _assert_growth("goroutine", before, after, tolerance, iterations)


def _assert_growth(
    kind: Kind, before: Snapshot, after: Snapshot, tolerance: Tolerance, iterations: int
) -> None:
    __tracebackhide__ = True
    if iterations < 1:
        raise SettingError(f"iterations: must be a whole number, 1 or more, not {iterations!r}")
    if before.stacks is not after.stacks:
        raise SettingError("two snapshots of different services, or of one that was restarted")
    between = Round(iterations, before, after)
    series = make_series([between])
    places = series.heap if kind == "heap" else series.goroutines
    total = (
        series.totals if kind == "heap" and not series.exact else Growth.total(places.values(), 1)
    )
    (count,), (size_bytes,) = total.count, total.bytes
    if count <= 0 and size_bytes <= 0:
        return
    if tolerates(tolerance, kind, count=count, size_bytes=size_bytes, iterations=iterations):
        return
    if kind == "heap":
        grew = f"the heap grew by {units.size(size_bytes)} in {units.whole(round(count), 'object')}"
    else:
        grew = f"there are {units.whole(round(count), 'goroutine')} more"
    lines = [f"{grew} over {units.whole(iterations, 'iteration')}; accepted: {tolerance}"]
    ownership = Ownership((), tuple(between.stacks()))
    largest = sorted(places, key=lambda s: (-places[s].bytes[0], -places[s].count[0]))[:5]
    for stack in largest:
        place = ownership.location(ownership.own_frame(stack) or stack[0])
        noun = "object" if kind == "heap" else "goroutine"
        amount = units.whole(round(places[stack].count[0]), noun)
        file, function = printable_line(place.file), printable_line(place.function)
        lines.append(f"  {amount}  {file}:{place.line}  {function}")
    raise LeakError("\n".join(lines))
