"""JUnit properties of a test's checks: flat names and short texts, safe in XML."""

from __future__ import annotations

from pytest_echoleak.results import LeakReport
from pytest_echoleak.text import printable_line


def junit_properties(report: LeakReport, check: int = 1) -> list[tuple[str, str]]:
    """Return the properties of a test's check number `check`: `echoleak.verdict` and so on.

    Those of a second check in the same test begin with `echoleak.2.`.
    """
    prefix = "echoleak." if check == 1 else f"echoleak.{check}."
    values: dict[str, object] = {
        "workload": report.workload,
        "verdict": report.verdict,
        "iterations": report.iterations,
        "rounds": report.rounds,
        "seconds": f"{report.seconds:.3f}",
        "runtime": report.runtime,
        "go_version": report.go_version,
        "findings": len(report.findings),
    }
    if report.findings:
        first = report.findings[0]
        values |= {
            "objects_per_iteration": f"{sum(f.objects_per_iteration for f in report.findings):.3f}",
            "bytes_per_iteration": f"{sum(f.bytes_per_iteration for f in report.findings):.3f}",
            "goroutines_per_iteration": (
                f"{sum(f.goroutines_per_iteration for f in report.findings):.3f}"
            ),
            "function": first.location.function,
            "location": f"{first.location.file}:{first.location.line}",
            "cause": first.cause,
        }
    if report.bounds is not None:
        values["excluded_rate"] = f"{report.bounds.excluded_rate:.6g}"
    if report.reason:
        values["reason"] = report.reason
    return [(prefix + name, printable_line(str(value))) for name, value in values.items()]
