"""What goes wrong while a check runs is told as what it is, and never as a clean service."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pytest_echoleak import (
    EngineError,
    LeakError,
    Request,
    ServiceError,
    SnapshotError,
    WorkloadError,
    assert_no_leak,
    start,
)
from pytest_echoleak.check import check_service
from pytest_echoleak.options import Options
from pytest_echoleak.service import EchoService, EchoServices
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.launch import RuntimeChoice
from pytest_echoleak.services.processes.process import ProcessInstance
from pytest_echoleak.workload import driver
from tests.integration.apps import faulty

ROUNDS: dict[str, Any] = {"iterations": 90, "warmup": 10, "plateau": 0}
IN_ROUND_2 = 50


@pytest.fixture
def own(runtime: RuntimeChoice) -> Iterator[EchoService]:
    """A faulty service that a test may end."""
    with start(faulty(), runtime=runtime) as service:
        yield service


def test_a_panic_in_round_2_is_the_services_end_with_its_last_words(own: EchoService) -> None:
    with pytest.raises(ServiceError) as caught:
        assert_no_leak(own, f"GET /panic?at={IN_ROUND_2}", **ROUNDS)

    text = str(caught.value)
    assert "round 2" in text
    assert "exit code 2" in text
    assert "asked to panic" in text


def test_an_exit_in_mid_check_is_never_clean(own: EchoService) -> None:
    with pytest.raises(ServiceError, match="exit code 0"):
        assert_no_leak(own, f"GET /exit?at={IN_ROUND_2}", **ROUNDS)


def test_the_500_says_which_iteration_and_request_and_what_came_back(
    services: EchoServices,
) -> None:
    with pytest.raises(WorkloadError) as caught:
        assert_no_leak(services.get(faulty()), "GET /fail?at=37", **ROUNDS)

    text = str(caught.value)
    assert "GET /fail?at=37" in text
    assert "round 1, iteration 27 of 30" in text, "after 10 to warm up"
    assert "500" in text
    assert "one too many" in text
    assert "request /fail?at=37 was one too many" in text.partition("last log lines")[2]


def test_a_reset_connection_says_which_request(services: EchoServices) -> None:
    with pytest.raises(WorkloadError) as caught:
        assert_no_leak(services.get(faulty()), f"GET /reset?at={IN_ROUND_2}", **ROUNDS)

    assert "round 2" in str(caught.value)
    assert "connection" in str(caught.value)


def test_a_request_that_is_never_answered_ends_at_its_time_limit(
    services: EchoServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "REQUEST_TIMEOUT_SECONDS", 1.0)

    with pytest.raises(WorkloadError, match="within 1 s"):
        assert_no_leak(services.get(faulty()), f"GET /hang?at={IN_ROUND_2}", **ROUNDS)


def test_a_service_that_prints_without_end_is_checked_as_any_other(
    runtime: RuntimeChoice,
) -> None:
    with start(faulty(env={"FAULTY_START": "print"}), runtime=runtime) as service:
        assert_no_leak(service, "GET /", detect=0.1)
        log = service.logs()

    assert "words without end" in log
    assert len(log) < 2_000_000


def test_more_output_per_request_than_a_pipe_holds(services: EchoServices) -> None:
    assert_no_leak(services.get(faulty()), "GET /print", detect=0.1)


def test_connections_that_the_service_closes_while_idle_are_no_error(
    runtime: RuntimeChoice,
) -> None:
    def pause(_: object = None) -> bool:
        time.sleep(0.2)
        return True

    def slowly() -> None:
        service.session().get("/").raise_for_status()
        pause()

    few = Options(iterations=9, warmup=1, plateau=0)
    with start(faulty(env={"FAULTY_IDLE_TIMEOUT": "1ms"}), runtime=runtime) as service:
        for workload in (slowly, Request("GET", "/", expect=pause)):
            assert check_service(service, workload, few).iterations == 9


def test_hostile_text_reaches_no_message_as_it_is(services: EchoServices) -> None:
    with pytest.raises(WorkloadError) as caught:
        assert_no_leak(services.get(faulty()), f"GET /hostile?at={IN_ROUND_2}", **ROUNDS)

    text = str(caught.value)
    assert "418" in text
    assert "last words" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert len(text) < 40_000


def test_killed_for_memory_says_so(docker_engine: Engine) -> None:
    assert docker_engine.host
    with (
        start(faulty(memory="64m"), runtime="docker") as service,
        pytest.raises(ServiceError) as caught,
    ):
        assert_no_leak(service, f"GET /hungry?at={IN_ROUND_2}", **ROUNDS)

    assert "memory" in str(caught.value)
    assert "64" in str(caught.value)


@pytest.mark.parametrize("agent", [False, True])
def test_a_leak_larger_than_the_containers_memory_is_never_clean(
    docker_engine: Engine, agent: bool
) -> None:
    assert docker_engine.host
    with start(faulty(memory="128m", agent=agent), runtime="docker") as service:
        with pytest.raises((LeakError, ServiceError)) as caught:
            assert_no_leak(service, "GET /megabyte", warmup=10)
        assert "memory" in str(caught.value) or "main.eat" in str(caught.value)


def test_a_leak_that_fits_is_found_before_the_memory_is_used_up(docker_engine: Engine) -> None:
    assert docker_engine.host
    with (
        start(faulty(memory="128m"), runtime="docker") as service,
        pytest.raises(LeakError) as caught,
    ):
        assert_no_leak(service, "GET /megabyte", warmup=3, iterations=60)

    report = caught.value.report
    assert report is not None
    assert report.findings[0].objects_per_iteration == pytest.approx(1.0, abs=0.2)


def test_a_container_restarted_by_someone_else_is_never_clean(docker_engine: Engine) -> None:
    with start(faulty(), runtime="docker") as service:
        container = docker_engine.client.containers.get(service.instance.identity().split()[0])

        with pytest.raises(SnapshotError, match="restarted"):
            assert_no_leak(
                service, disturbed(service, lambda: container.restart(timeout=0)), **ROUNDS
            )


def test_a_service_that_the_workload_itself_restarts_is_never_clean(own: EchoService) -> None:
    with pytest.raises(SnapshotError, match="restarted"):
        assert_no_leak(own, disturbed(own, own.restart), **ROUNDS)


def test_a_process_killed_by_someone_else_is_never_clean() -> None:
    with start(faulty(), runtime="process") as service:
        assert isinstance(service.instance, ProcessInstance)
        pid = service.instance.pid

        with pytest.raises(ServiceError, match="signal 9"):
            assert_no_leak(
                service, disturbed(service, lambda: os.kill(pid, signal.SIGKILL)), **ROUNDS
            )


def test_after_a_fault_the_pool_starts_the_service_anew(services: EchoServices) -> None:
    spec = faulty(env={"FOR": "a restart"})
    with pytest.raises(ServiceError):
        assert_no_leak(services.get(spec), "GET /exit?at=5", **ROUNDS)

    assert_no_leak(services.get(spec), "GET /", detect=0.1)


def test_a_service_that_ends_before_it_is_ready(runtime: RuntimeChoice) -> None:
    spec = faulty(env={"FAULTY_START": "exit"})
    with pytest.raises(ServiceError) as caught, start(spec, runtime=runtime):
        pass

    assert "exit code 3" in str(caught.value)
    assert "no database, no service" in str(caught.value)


def test_a_service_that_is_never_ready(runtime: RuntimeChoice) -> None:
    spec = faulty(env={"FAULTY_START": "never"})
    with (
        pytest.raises(ServiceError, match="not ready within 2 s") as caught,
        start(spec, runtime=runtime, ready_timeout_seconds=2),
    ):
        pass

    assert "waiting for a database that never comes" in str(caught.value)


def test_no_engine_is_said_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1\b"), start(faulty(), runtime="docker"):
        pass

    with start(faulty()) as service:
        assert service.instance.runtime == "process"
        assert "127.0.0.1:1" in service.why
        assert_no_leak(service, "GET /", detect=0.1)


def disturbed(service: EchoService, disturb: Callable[[], object]) -> Callable[[], None]:
    """Return a workload that in round 2 disturbs its service, and waits until one answers again."""
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        if calls == IN_ROUND_2:
            disturb()
        deadline = time.monotonic() + 20
        while True:
            try:
                service.session().get("/", timeout=5).raise_for_status()
                return
            except requests.ConnectionError:  # noqa: PERF203 - it is tried again
                if service.instance.ending() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    return call
