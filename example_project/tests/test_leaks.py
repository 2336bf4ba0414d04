"""Every planted leak is caught at its line, and its corrected twin passes.

A line is found by its comment in the Go source, such as `// leak: listener`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_echoleak import Finding, LeakError

MODULE = Path(__file__).parents[1]


class Leak(NamedTuple):
    """What one request leaves behind: at the marked line, and goroutines of the whole process."""

    kind: str
    path: str
    objects_at_line: float | None  # None: the line allocates nothing itself
    goroutines: int
    cause: str


LEAKS = [
    Leak("goroutine", "goroutine", None, 1, "goroutine-blocked-channel"),
    Leak("body", "body", None, 2, "unclosed-response-body"),
    Leak("cache", "cache/{i}", 1, 0, "cache-no-bound"),
    Leak("listener", "listener", 1, 0, "listener-not-removed"),
    Leak("ticker", "ticker", None, 1, "ticker-not-stopped"),
    Leak("map", "map", 1, 0, "unbounded-map"),
    Leak("rows", "rows", None, 1, "sql-rows-not-closed"),
]


@pytest.mark.parametrize("path", ["request", *(leak.path for leak in LEAKS)])
def test_corrected_twin_is_clean(assert_no_leak, path):
    assert_no_leak(f"GET /fixed/{path}")


@pytest.mark.parametrize("leak", LEAKS, ids=[leak.kind for leak in LEAKS])
def test_leak_is_caught_at_its_line(assert_no_leak, leak):
    with pytest.raises(LeakError) as caught:
        assert_no_leak(f"GET /leaky/{leak.path}")

    findings = caught.value.report.findings
    file, line = marked_line(leak.kind)
    here = [one for one in findings if (one.location.file, one.location.line) == (file, line)]
    assert here, f"no finding at {file}:{line}\n{caught.value}"
    assert f"{file}:{line}" in str(caught.value)
    assert [one.cause for one in findings] == [leak.cause], str(caught.value)
    assert f"({leak.cause})" in str(caught.value)
    if leak.objects_at_line is not None:
        objects = sum(one.objects_per_iteration for one in here)
        assert objects == pytest.approx(leak.objects_at_line, abs=0.01)
    assert goroutines_of(findings) == pytest.approx(leak.goroutines, abs=0.01)


def test_kept_request_is_caught_as_a_whole(assert_no_leak):
    """No line of the application allocates a request: the line that keeps it is told."""
    with pytest.raises(LeakError, match="whole requests") as caught:
        assert_no_leak("GET /leaky/request")

    [kept] = [one for one in caught.value.report.findings if "whole requests" in one.note]
    assert kept.cause == "context-retained"
    assert (kept.location.file, kept.location.line) == marked_line("request")
    # Nine or ten objects. Go's allocator packs the smallest into shared blocks, so it is no whole
    # number, and which of them count depends on what was allocated beside them.
    assert 8 <= kept.objects_per_iteration <= 10.1


def marked_line(kind: str) -> tuple[str, int]:
    """Return the file, as profiles name it, and the line that the comment marks."""
    mark = f"// leak: {kind}"
    [place] = [
        (source.relative_to(MODULE).as_posix(), number)
        for source in MODULE.rglob("*.go")
        for number, text in enumerate(source.read_text().splitlines(), start=1)
        if text.endswith(mark)
    ]
    return place


def goroutines_of(findings: tuple[Finding, ...]) -> float:
    return sum(one.goroutines_per_iteration for one in findings)
