"""What a check can be asked to drive and to accept, on a real service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_echoleak import (
    Allow,
    InconclusiveError,
    LeakError,
    Request,
    SettingError,
    Tolerance,
    WorkloadError,
    assert_goroutine_growth,
    assert_heap_growth,
    assert_no_leak,
)
from pytest_echoleak.service import EchoService, EchoServices
from pytest_echoleak.snapshots.snapshot import Snapshot
from pytest_echoleak.transport import Connection, message, split_url
from tests.integration.apps import (
    LEAKS,
    QUICK,
    assert_one_object,
    caught,
    leaks,
    the_finding,
)


@pytest.fixture
def service(processes: EchoServices) -> EchoService:
    return processes.get(leaks())


def test_a_plain_callable(service: EchoService) -> None:
    def buy() -> None:
        service.session().get("/object").raise_for_status()

    def look(number: int) -> None:
        service.session().get(f"/healthy?{number}").raise_for_status()

    assert_one_object(the_finding(caught(service, buy), LEAKS, "object"))
    assert_no_leak(service, look)
    assert_no_leak(service, look, concurrency=4)


def test_an_async_callable_in_an_async_test(service: EchoService) -> None:
    async def buy() -> None:
        await get(service, "/object")

    async def look(number: int) -> None:
        await get(service, f"/healthy?{number}")

    async def test() -> None:
        assert_one_object(the_finding(caught(service, buy), LEAKS, "object"))
        assert_no_leak(service, look, concurrency=4)

    threads = set(threading.enumerate())
    asyncio.run(test())
    assert set(threading.enumerate()) <= threads


def test_declarative_requests_in_an_async_test(service: EchoService) -> None:
    async def test() -> None:
        assert_no_leak(service, "GET /healthy")

    asyncio.run(test())


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_a_callable_during_which_the_service_does_nothing_is_an_error(
    service: EchoService, is_async: bool
) -> None:
    async def later() -> None:
        pass

    workload: Callable[[], Awaitable[None] | None] = later if is_async else lambda: None

    with pytest.raises(WorkloadError, match="did nothing") as caught_error:
        assert_no_leak(service, workload)

    assert service.base_url in str(caught_error.value)


def test_a_callable_that_raises_ends_the_check(service: EchoService) -> None:
    def failing(number: int) -> None:
        assert number < 0, "the cart is empty"

    with pytest.raises(WorkloadError, match="the cart is empty") as caught_error:
        assert_no_leak(service, failing)

    assert isinstance(caught_error.value.__cause__, AssertionError)


def test_one_iteration_sends_a_whole_sequence(service: EchoService) -> None:
    report = caught(service, ["GET /healthy", Request("POST", "/object", json={"n": "{i}"})])

    assert_one_object(the_finding(report, LEAKS, "object"))
    assert report.workload == "GET /healthy, POST /object"


def test_a_404_is_no_pass_unless_it_is_expected(service: EchoService) -> None:
    conflict = Request("GET", "/rising?number=none", expect=409)

    with pytest.raises(WorkloadError, match="409") as caught_error:
        assert_no_leak(service, "GET /rising?number=none")
    assert "this number was here before" in str(caught_error.value)

    assert_no_leak(service, conflict)


def test_a_tolerance_accepts_what_it_says_and_no_more(service: EchoService) -> None:
    enough = Tolerance(bytes_per_iteration=65, objects_per_iteration=1.01)
    assert assert_no_leak(service, "GET /object", tolerance=enough).verdict == "clean"

    caught(service, "GET /object", tolerance=Tolerance(bytes_per_iteration=32))
    caught(service, "GET /object", tolerance=Tolerance(goroutines=1000))


def test_a_tolerance_for_goroutines(processes: EchoServices) -> None:
    service = processes.get(leaks(env={"FOR": "goroutines"}))
    # What a blocked goroutine allocates itself, runtime's bookkeeping included, is heap.
    enough = Tolerance(goroutines_per_iteration=1.01, objects_per_iteration=1.5)

    assert assert_no_leak(service, "GET /goroutine", tolerance=enough).verdict == "clean"
    caught(service, "GET /goroutine", tolerance=Tolerance(goroutines_per_iteration=0.5))


def test_an_allow_accepts_a_known_holder_up_to_its_limit(service: EchoService) -> None:
    known = Allow(function="main.object", reason="kept until the invoice is paid")
    small = Allow(function="main.object", reason="a hundred are kept", at_most_objects=100)
    large = Allow(function="*.object", reason="many are kept", at_most_objects=100_000)

    assert assert_no_leak(service, "GET /object", allow=[known]).unused_allows == ()
    assert_no_leak(service, "GET /object", allow=[large], **QUICK)
    report = caught(service, "GET /object", allow=[small])

    finding = the_finding(report, LEAKS, "object")
    assert "at_most_objects=100" in finding.note


def test_an_allow_that_matched_nothing_is_reported(service: EchoService) -> None:
    useless = Allow(function="main.forgotten", reason="it was there once")

    report = assert_no_leak(service, "GET /healthy", allow=[useless])

    assert report.unused_allows == ("main.forgotten",)


def test_too_few_iterations_are_inconclusive_and_say_how_many_it_takes(
    service: EchoService,
) -> None:
    with pytest.raises(InconclusiveError) as caught_error:
        assert_no_leak(service, "GET /healthy", iterations=300, plateau=0)

    assert "691" in str(caught_error.value)
    assert caught_error.value.report is not None
    assert caught_error.value.report.iterations == 300


def test_what_merely_may_leak_is_shown_without_a_cause(service: EchoService) -> None:
    with pytest.raises(InconclusiveError) as caught_error:
        assert_no_leak(service, "GET /map?key={i}", iterations=24, plateau=0)
    report = caught_error.value.report
    assert report is not None
    assert report.findings
    assert {(one.cause, one.fix) for one in report.findings} == {("other", "")}


def test_a_number_of_iterations_is_a_floor_and_without_a_plateau_exact(
    service: EchoService,
) -> None:
    floor = assert_no_leak(service, "GET /healthy", iterations=300)
    exact = assert_no_leak(service, "GET /healthy", iterations=901, plateau=0, detect=0.05)

    assert floor.iterations >= 691
    assert exact.iterations == 901
    assert exact.round_iterations == (301, 300, 300)


def test_detect_says_how_rare_a_leak_a_pass_excludes(service: EchoService) -> None:
    coarse = assert_no_leak(service, "GET /healthy", detect=0.1)

    assert 69 < coarse.iterations < 691
    assert coarse.bounds is not None
    assert coarse.bounds.excluded_rate <= 0.1


def test_a_check_ends_at_its_time_limit(service: EchoService) -> None:
    many: dict[str, Any] = {"iterations": 1_000_000, "warmup": 1}
    with pytest.raises(InconclusiveError, match=r"max.seconds") as caught_error:
        assert_no_leak(service, "GET /healthy", detect=1e-5, max_seconds=4, **many)

    assert caught_error.value.report is not None
    assert caught_error.value.report.iterations < 691_000


def test_past_its_time_limit_a_check_takes_no_snapshot_for_each_round_left(
    service: EchoService, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Snapshot] = []

    def counted(previous: Snapshot | None = None) -> Snapshot:
        taken.append(take(previous))
        return taken[-1]

    take = service.source.take
    monkeypatch.setattr(service.source, "take", counted)
    with pytest.raises(InconclusiveError):
        assert_no_leak(service, "GET /healthy", iterations=4000, rounds=4000, max_seconds=2)
    assert len(taken) < 4000


def test_growth_that_the_time_limit_cut_short_may_be_a_cache_and_says_so(
    service: EchoService,
) -> None:
    with pytest.raises(LeakError, match="before the plateau of 1,000,000"):
        assert_no_leak(service, "GET /object", plateau=1_000_000, max_seconds=3)


def test_settings_that_make_no_sense_are_refused_before_anything_is_sent(
    service: EchoService,
) -> None:
    refused: list[dict[str, Any]] = [
        {"rounds": 1},
        {"detect": 0.0},
        {"iterations": -1},
        {"concurrency": 0},
    ]
    for options in refused:
        with pytest.raises(SettingError):
            assert_no_leak(service, "GET /healthy", **options)
    workloads: list[Any] = ["/healthy", "GET healthy", [], 3]
    for workload in workloads:
        with pytest.raises(SettingError):
            assert_no_leak(service, workload)


def test_the_growth_between_two_snapshots_of_ones_own(processes: EchoServices) -> None:
    service = processes.get(leaks(env={"FOR": "goroutines"}))
    none = Tolerance()
    before = service.snapshot()
    send(service, "/object", 300)
    send(service, "/goroutine", 50)
    after = service.snapshot()

    with pytest.raises(LeakError) as heap:
        assert_heap_growth(before, after, none, iterations=300)
    with pytest.raises(LeakError) as goroutine:
        assert_goroutine_growth(before, after, none, iterations=50)

    assert "main.go" in str(heap.value)
    assert "50 goroutines" in str(goroutine.value)
    assert_heap_growth(before, after, Tolerance(bytes_per_iteration=640), iterations=300)
    assert_goroutine_growth(before, after, Tolerance(goroutines=60), iterations=300)


def send(service: EchoService, path: str, count: int) -> None:
    origin, _ = split_url(service.base_url)
    connection = Connection(origin, timeout_seconds=30, limit_bytes=1 << 20)
    for _ in range(count):
        connection.exchange(message("GET", path, origin.host_header, {}))
    connection.close()


async def get(service: EchoService, path: str) -> None:
    """Send a request without blocking the loop, over a connection of its own."""
    origin, _ = split_url(service.base_url)
    reader, writer = await asyncio.open_connection(origin.host, origin.port)
    headers = {"Connection": "close"}
    writer.write(message("GET", path, origin.host_header, headers))
    answer = await reader.read()
    assert b" 200 " in answer.partition(b"\r\n")[0]
    writer.close()
    await writer.wait_closed()
