"""Leaks are caught to the object, at their line; their healthy twins are clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_echoleak import GoSource, assert_no_leak
from pytest_echoleak.service import EchoServices
from pytest_echoleak.services.launch import RuntimeChoice
from tests.goapps import app
from tests.integration.apps import (
    LEAKS,
    assert_one_object,
    caught,
    leaks,
    line_of,
    the_finding,
)
from tests.integration.attaching import free_port

FRAMEWORKS = [pytest.param(LEAKS, id="net/http"), app("echo4"), app("echo5")]


def by_name(value: object) -> str | None:
    return value.name if isinstance(value, Path) else None


@pytest.mark.parametrize("folder", FRAMEWORKS, ids=by_name)
def test_one_object_per_request_is_caught_at_its_line(services: EchoServices, folder: Path) -> None:
    report = caught(services.get(GoSource(folder)), "GET /object")

    assert_one_object(the_finding(report, folder, "object"))


@pytest.mark.parametrize("folder", FRAMEWORKS, ids=by_name)
def test_the_healthy_twin_is_clean(services: EchoServices, folder: Path) -> None:
    report = assert_no_leak(services.get(GoSource(folder)), "GET /healthy")

    assert report.verdict == "clean"
    assert report.iterations * 0.01 > 6.9
    assert report.bounds is not None
    assert report.bounds.excluded_rate <= 0.01


@pytest.mark.parametrize("folder", FRAMEWORKS, ids=by_name)
def test_pprof_behind_the_leaking_middleware_does_not_count(
    services: EchoServices, folder: Path
) -> None:
    service = services.get(GoSource(folder, env={"LEAKS_PPROF": "leaking router"}))

    report = caught(service, "GET /healthy")

    assert_one_object(the_finding(report, folder, "middleware"))


def test_pprof_on_a_port_of_its_own(services: EchoServices, runtime: RuntimeChoice) -> None:
    port = 6060 if runtime == "docker" else free_port()
    service = services.get(leaks(env={"LEAKS_PPROF": f":{port}"}, pprof=f":{port}/debug/pprof"))

    assert_one_object(the_finding(caught(service, "GET /object"), LEAKS, "object"))
    assert_no_leak(service, "GET /healthy")


def test_a_goroutine_per_request(services: EchoServices) -> None:
    service = services.get(leaks())

    finding = the_finding(caught(service, "GET /goroutine"), LEAKS, "goroutine")

    assert finding.kind == "goroutine"
    assert finding.goroutines_per_iteration == pytest.approx(1.0, abs=0.01)
    assert_no_leak(service, "GET /goroutine/healthy")


def test_two_leaks_in_one_route_are_two_findings(services: EchoServices) -> None:
    report = caught(services.get(leaks()), "GET /two")

    lines = {finding.location.line for finding in report.findings}
    assert lines == {line_of(LEAKS, "first"), line_of(LEAKS, "second")}
    for finding in report.findings:
        assert_one_object(finding)


def test_a_cache_that_fills_up_is_clean(services: EchoServices) -> None:
    report = assert_no_leak(services.get(leaks()), "GET /cache?key={i}", warmup=0)

    assert report.verdict == "clean"


def test_a_map_that_only_grows_is_caught(services: EchoServices) -> None:
    report = caught(services.get(leaks()), "GET /map?key={i}")

    line = line_of(LEAKS, "map")
    assert {finding.location.line for finding in report.findings} >= {line}


def test_a_slice_of_numbers_grows_in_bytes_alone(processes: EchoServices) -> None:
    report = caught(processes.get(leaks()), "GET /numbers", iterations=None, plateau=None)

    the_finding(report, LEAKS, "numbers")


def test_a_leak_in_one_of_a_hundred_requests(processes: EchoServices) -> None:
    report = caught(processes.get(leaks()), "GET /rare", detect=0.01, plateau=None)

    finding = the_finding(report, LEAKS, "rare")
    assert finding.objects_per_iteration == pytest.approx(0.01, abs=0.001)


def test_four_requests_at_once(services: EchoServices) -> None:
    service = services.get(leaks())

    report = caught(service, "GET /object", concurrency=4)

    assert_one_object(the_finding(report, LEAKS, "object"))
    assert_no_leak(service, "GET /healthy", concurrency=4)


def test_numbers_never_repeat_over_several_checks(processes: EchoServices) -> None:
    service = processes.get(leaks())

    for _ in range(2):  # The route answers 409 to a number that was there before.
        assert_no_leak(service, "GET /rising?number={i}", detect=0.05)
