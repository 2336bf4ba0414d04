"""A service that already runs: exact where its profile is, by its totals where it is not."""

from __future__ import annotations

import time

import pytest
import requests

from pytest_echoleak import (
    Finding,
    LeakError,
    LeakReport,
    Running,
    SnapshotError,
    assert_no_leak,
    start,
)
from tests.integration.apps import LEAKS, QUICK, assert_one_object, caught, line_of
from tests.integration.attaching import running_process


def the_finding(report: LeakReport, leak: str) -> Finding:
    """Return the one finding, at the marked line: nobody tells where the module's root is."""
    (finding,) = report.findings
    assert finding.location.file.endswith("leaks/main.go")
    assert finding.location.line == line_of(LEAKS, leak)
    return finding


def test_with_an_exact_profile_it_is_as_exact_as_one_that_we_start() -> None:
    with running_process("leaks", "memprofilerate=1") as own, start(Running(own.url)) as service:
        report = caught(service, "GET /object")
        clean = assert_no_leak(service, "GET /healthy")

    assert_one_object(the_finding(report, "object"))
    assert clean.runtime == "attached"


def test_at_the_default_rate_totals_find_what_samples_cannot() -> None:
    with running_process("leaks") as own, start(Running(own.url)) as service:
        assert_no_leak(service, "GET /healthy")
        report = caught(service, "GET /block", plateau=2_000)

    finding = the_finding(report, "block")
    assert finding.evidence == "sampled"
    assert finding.bytes_per_iteration == pytest.approx(65_536, rel=0.02)


def test_at_the_default_rate_a_small_leak_is_found_by_the_totals() -> None:
    with (
        running_process("leaks") as own,
        start(Running(own.url)) as service,
        pytest.raises(LeakError) as error,
    ):
        assert_no_leak(service, "GET /object", **{**QUICK, "plateau": 4_000})

    assert error.value.report is not None
    (finding,) = error.value.report.findings
    assert finding.objects_per_iteration == pytest.approx(1.0, abs=0.05)


def test_at_the_default_rate_goroutines_are_counted_all_the_same() -> None:
    with running_process("leaks") as own, start(Running(own.url)) as service:
        report = caught(service, "GET /goroutine")

    finding = next(one for one in report.findings if one.kind == "goroutine")
    assert finding.goroutines_per_iteration == pytest.approx(1.0, abs=0.01)
    assert finding.location.file.endswith("main.go")


@pytest.mark.parametrize("godebug", ["memprofilerate=1", ""], ids=["exact", "sampled"])
def test_a_restart_shows_in_its_counters(godebug: str) -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        if calls == 60:
            own.restart()
        deadline = time.monotonic() + 20
        while True:
            try:
                service.session().get("/healthy", timeout=5).raise_for_status()
                return
            except requests.ConnectionError:  # noqa: PERF203 - it is tried again
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    with (
        running_process("leaks", godebug) as own,
        start(Running(own.url)) as service,
        pytest.raises(SnapshotError, match="restarted"),
    ):
        assert_no_leak(service, call, warmup=10, iterations=120, plateau=0)
