"""The services that these tests run, and what a check of them is expected to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak import Finding, GoSource, LeakError, LeakReport, assert_no_leak
from pytest_echoleak.reports.failure import failure_text
from pytest_echoleak.service import EchoService
from tests.goapps import app

LEAKS = app("leaks")
FAULTY = app("faulty")

# Enough to show a leak in each iteration, and to tell it from what else a service keeps a while.
# Nothing waits to see whether it is a cache that fills.
QUICK: dict[str, Any] = {"iterations": 450, "warmup": 50, "plateau": 0, "detect": 0.1}


def leaks(**settings: Any) -> GoSource:
    """Return the spec of the service that leaks in every way."""
    return GoSource(LEAKS, **settings)


def faulty(**settings: Any) -> GoSource:
    """Return the spec of the service that fails in every way, its pprof too: that is what is read.

    `agent=True` has it read by its agent.
    """
    return GoSource(FAULTY, **{"agent": False, **settings})


def line_of(folder: Path, leak: str) -> int:
    """Return the line of main.go that is marked as the one that leaks."""
    lines = (folder / "main.go").read_text(encoding="utf-8").splitlines()
    (number,) = (n for n, line in enumerate(lines, start=1) if line.endswith(f"// leaks: {leak}"))
    return number


def caught(service: EchoService, workload: Any, **options: Any) -> LeakReport:
    """Return the report of a check that must find a leak."""
    with pytest.raises(LeakError) as error:
        assert_no_leak(service, workload, **{**QUICK, **options})
    assert error.value.report is not None
    return error.value.report


def the_finding(report: LeakReport, folder: Path, leak: str) -> Finding:
    """Return the one finding of a report, which must name the marked line."""
    assert len(report.findings) == 1, failure_text(report)
    (finding,) = report.findings
    assert (finding.location.file, finding.location.line) == ("main.go", line_of(folder, leak))
    return finding


def assert_one_object(finding: Finding) -> None:
    """Assert that it is the object of 64 bytes per iteration, to the object."""
    assert finding.kind == "heap"
    assert finding.evidence == "exact"
    assert finding.objects_per_iteration == pytest.approx(1.0, abs=0.01)
    assert finding.bytes_per_iteration == pytest.approx(64.0, abs=0.64)
