"""Whatever is served in place of a profile is told as that, in bounded time and memory."""

from __future__ import annotations

import resource

import pytest

from pytest_echoleak import Running, SnapshotError, assert_no_leak, start
from pytest_echoleak.service import EchoServices
from pytest_echoleak.services import readiness
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.launch import RuntimeChoice
from pytest_echoleak.snapshots import pprof_http
from tests.integration.apps import faulty

# fault -> what the message must say
FAULTS = {
    "truncated": "truncated",
    "bomb": "unpacks to more than",
    "noise": "not|no profile|longer than",
    "other": "not a|damaged|no string table",
    "empty": "empty|no profile",
    "no-strings": "string 1 of 1",
    "html": "HTML|not a heap profile",
    "login": "login|401",
    "redirect": "redirect|302",
    "error": "500",
    "missing": "404",
}


@pytest.fixture
def url(processes: EchoServices) -> str:
    return processes.get(faulty()).base_url


@pytest.mark.parametrize("only_heap", [False, True], ids=["every profile", "heap"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_profile_is_said_to_be_one(url: str, fault: str, only_heap: bool) -> None:
    place = f"/faults/{'heap-' if only_heap else ''}{fault}"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with (
        pytest.raises(SnapshotError, match=FAULTS[fault]) as caught,
        start(Running(url, pprof=place)) as service,
    ):
        assert_no_leak(service, "GET /", detect=0.1)

    assert place in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000, "kilobytes"


@pytest.mark.parametrize("only_heap", [False, True], ids=["every profile", "heap"])
def test_a_profile_that_drips_for_ever_ends_at_a_time_limit(
    url: str, only_heap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_PPROF_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(pprof_http, "_TIMEOUT_SECONDS", 1.0)
    place = f"/faults/{'heap-' if only_heap else ''}drip"

    with (
        pytest.raises(SnapshotError, match="within 1 s"),
        start(Running(url, pprof=place)) as service,
    ):
        assert_no_leak(service, "GET /", detect=0.1)


def test_the_headers_of_the_spec_open_a_login(url: str) -> None:
    headers = {"Authorization": "Basic dGVzdDpvcGVu"}
    with start(Running(url, pprof="/faults/login", headers=headers)) as service:
        service.snapshot()


def test_of_a_service_that_we_start_the_last_log_lines_are_told(runtime: RuntimeChoice) -> None:
    spec = faulty(env={"FAULTY_START": "print"}, pprof="/faults/html")

    with (
        pytest.raises(SnapshotError, match="HTML page") as caught,
        start(spec, runtime=runtime),
    ):
        pass

    assert "words without end" in str(caught.value)


def test_pprof_on_the_containers_own_loopback_is_said_to_be_there(docker_engine: Engine) -> None:
    assert docker_engine.host
    spec = faulty(env={"FAULTY_PPROF": "127.0.0.1:6060"}, pprof=":6060/debug/pprof")

    with (
        pytest.raises(SnapshotError, match="loopback"),
        start(spec, runtime="docker"),
    ):
        pass
