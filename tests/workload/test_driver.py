"""The drivers, against real servers of the test's own."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_echoleak.errors import WorkloadError
from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.request import Request
from pytest_echoleak.workload.workload import to_workload
from tests.misbehaving_server import Answer, Server, answering, ok, serving


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread; an unclosed socket is a ResourceWarning, which pytest makes an error."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
    gc.collect()


def run(workload: Any, server: Server, count: int, *, first: int = 1, concurrency: int = 1) -> None:
    with driving(to_workload(workload), lambda: server.url, concurrency) as driver:
        driver.run(first, count)


def numbers(server: Server) -> list[int]:
    found = (re.search(rb"/(\d+) ", request) for request in server.requests)
    return sorted(int(match[1]) for match in found if match)


class Meeting:
    """Answers only when so many requests are in flight at once, and counts the most there were."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def enter(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._barrier.wait(20)
        with self._lock:
            self._now -= 1

    def answer(self, peer: socket.socket, _request: bytes) -> bool:
        self.enter()
        peer.sendall(ok())
        return True


class TestRequests:
    def test_each_number_is_sent_once_over_one_connection(self) -> None:
        with serving(answering(ok())) as server:
            run("GET /{i}", server, 50, first=100)
            assert numbers(server) == list(range(100, 150))
            assert server.connections == 1

    def test_an_iteration_sends_all_requests_in_order(self) -> None:
        with serving(answering(ok())) as server:
            run(["POST /a/{i}", "GET /b/{i}"], server, 2)
        lines = [request.split(b" HTTP")[0] for request in server.requests]
        assert lines == [b"POST /a/1", b"GET /b/1", b"POST /a/2", b"GET /b/2"]

    @pytest.mark.parametrize("concurrency", [2, 8])
    def test_as_many_as_asked_for_are_in_flight(self, concurrency: int) -> None:
        meeting = Meeting(concurrency)
        with serving(meeting.answer) as server:
            run("GET /{i}", server, 4 * concurrency, concurrency=concurrency)
            assert meeting.most == concurrency
            assert numbers(server) == list(range(1, 4 * concurrency + 1))
            assert server.connections == concurrency

    def test_at_rest_no_connection_is_open(self) -> None:
        with (
            serving(answering(ok())) as server,
            driving(to_workload("GET /"), lambda: server.url, 1) as driver,
        ):
            for _ in range(3):
                server.closed.clear()
                driver.run(1, 5)
                driver.rest()
                assert server.closed.wait(10)
            assert server.connections == 3

    def test_the_services_place_is_asked_again_after_a_rest(self) -> None:
        """A restart may change the port."""
        with serving(answering(ok())) as old, serving(answering(ok())) as new:
            place = [old.url]
            with driving(to_workload("GET /"), lambda: place[0], 1) as driver:
                driver.run(1, 2)
                driver.rest()
                place[0] = new.url
                driver.run(3, 2)
            assert (len(old.requests), len(new.requests)) == (2, 2)
            assert f"127.0.0.1:{new.port}".encode() in new.requests[0]

    def test_a_head_request_needs_no_body(self) -> None:
        with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")) as server:
            run("HEAD /", server, 3)
            assert server.connections == 1


def on_the(number: int, bad: bytes) -> Answer:
    """Answer well, but for one request."""

    def answer(peer: socket.socket, request: bytes) -> bool:
        chosen = bad if b"/%d " % number in request else ok()
        peer.sendall(chosen)
        return bool(chosen)

    return answer


class TestFailures:
    ERROR = b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\ndisk full"

    def test_a_wrong_status_says_which_iteration_which_request_and_what_came(self) -> None:
        with serving(on_the(37, self.ERROR)) as server:
            with pytest.raises(WorkloadError) as caught:
                run("GET /{i}", server, 100)
            assert str(caught.value) == ("iteration 37: GET /37 answered 500, not 2xx: disk full")
            assert numbers(server) == list(range(1, 38)), "the first failure ends it"

    def test_among_several_at_once(self) -> None:
        with serving(on_the(37, self.ERROR)) as server:
            with pytest.raises(WorkloadError, match="iteration 37: "):
                run("GET /{i}", server, 10_000, concurrency=4)
            assert len(server.requests) < 5_000
            assert len(set(numbers(server))) == len(server.requests)

    def test_a_lost_connection_is_no_second_try(self) -> None:
        with serving(on_the(5, b"")) as server:
            with pytest.raises(WorkloadError, match=r"iteration 5: GET /5 failed: the service cl"):
                run("GET /{i}", server, 100)
            assert numbers(server).count(5) == 1

    def test_a_service_that_is_gone(self) -> None:
        with serving(answering(ok())) as server:
            pass
        with pytest.raises(WorkloadError, match=r"iteration 1: GET / failed \(it was not sent\)"):
            run("GET /", server, 1)

    def test_what_came_back_is_cut_and_safe_to_print(self) -> None:
        body = b"\x1b[2J" + b"x" * 100_000
        answer = b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        with serving(answering(answer)) as server, pytest.raises(WorkloadError) as caught:
            run("GET /", server, 1)
        assert len(str(caught.value)) < 700
        assert "\x1b" not in str(caught.value)

    def test_an_expectation_that_raises_is_told_with_its_error(self) -> None:
        request = Request("GET", "/", expect=lambda response: response.json()["id"] == 1)
        text = r"iteration 1: GET / answered 200, and expect= raised JSONDecodeError: .*: <html>"
        with serving(answering(ok(b"<html>"))) as server:
            with pytest.raises(WorkloadError, match=text) as caught:
                run(request, server, 5)
            assert len(server.requests) == 1
        assert isinstance(caught.value.__cause__, ValueError)


NOWHERE = Server("http://127.0.0.1:1")


class TestCallables:
    @pytest.mark.parametrize("concurrency", [1, 6])
    def test_each_number_exactly_once(self, concurrency: int) -> None:
        seen: list[int] = []
        run(seen.append, NOWHERE, 200, first=5, concurrency=concurrency)
        assert sorted(seen) == list(range(5, 205))

    def test_one_at_a_time_runs_in_the_tests_own_thread(self) -> None:
        threads: list[threading.Thread] = []
        run(lambda: threads.append(threading.current_thread()), NOWHERE, 3)
        assert set(threads) == {threading.current_thread()}

    def test_as_many_as_asked_for_are_in_flight(self) -> None:
        meeting = Meeting(5)
        run(meeting.enter, NOWHERE, 20, concurrency=5)
        assert meeting.most == 5

    @pytest.mark.parametrize("concurrency", [1, 4])
    def test_what_it_raises_is_the_cause(self, concurrency: int) -> None:
        seen: list[int] = []

        def fail(number: int) -> None:
            seen.append(number)
            if number == 7:
                raise ValueError("no \x1b[2J seat")

        with pytest.raises(
            WorkloadError, match=r"iteration 7: .*fail\(\) raised ValueError: no"
        ) as e:
            run(fail, NOWHERE, 100_000, concurrency=concurrency)
        assert isinstance(e.value.__cause__, ValueError)
        assert "\x1b" not in str(e.value)
        assert len(seen) < 100_000

    def test_a_plain_function_that_returns_a_coroutine_is_refused(self) -> None:
        async def later() -> None: ...

        with pytest.raises(WorkloadError, match="write it as `async def`"):
            run(lambda: later(), NOWHERE, 1)


class TestAsyncCallables:
    def test_each_number_once_and_so_many_in_flight(self) -> None:
        seen: list[int] = []
        now = most = 0

        async def work(number: int) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            seen.append(number)
            now -= 1

        run(work, NOWHERE, 100, concurrency=7)
        assert sorted(seen) == list(range(1, 101))
        assert most == 7

    def test_while_a_loop_runs_in_the_tests_thread(self) -> None:
        seen: list[int] = []

        async def work(number: int) -> None:
            await asyncio.sleep(0)
            seen.append(number)

        async def test() -> None:
            run(work, NOWHERE, 10)

        asyncio.run(test())
        assert seen == list(range(1, 11))

    def test_one_loop_for_the_whole_check(self) -> None:
        """A client session that the test keeps belongs to one loop."""
        loops = set()

        async def work() -> None:
            loops.add(asyncio.get_running_loop())

        with driving(to_workload(work), lambda: "", 3) as driver:
            for first in (1, 11, 21):
                driver.run(first, 10)
                driver.rest()
        assert len(loops) == 1

    def test_the_first_failure_ends_it(self) -> None:
        seen: list[int] = []

        async def work(number: int) -> None:
            await asyncio.sleep(0)
            seen.append(number)
            if number == 20:
                raise ValueError("no seat")

        with pytest.raises(WorkloadError, match=r"iteration 20: .*work\(\) raised ValueError: no"):
            run(work, NOWHERE, 100_000, concurrency=4)
        assert len(seen) < 200

    def test_tasks_that_it_left_behind_are_cancelled(self) -> None:
        ended = threading.Event()

        async def background() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

        tasks = []

        async def work() -> None:
            tasks.append(asyncio.ensure_future(background()))
            await asyncio.sleep(0)

        run(work, NOWHERE, 1)
        assert ended.is_set()


def test_an_interrupt_ends_the_driving_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import pytest_echoleak.workload.calls as module

    def interrupted(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "wait", interrupted)
    seen: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.001)
        seen.append(number)

    with pytest.raises(KeyboardInterrupt):
        run(work, NOWHERE, 1_000_000, concurrency=3)
    assert len(seen) < 1_000_000
