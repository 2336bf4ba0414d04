"""Declarative requests, driven against real servers of the test's own."""

from __future__ import annotations

import re
import socket
import time

import pytest

from pytest_echoleak.errors import WorkloadError
from pytest_echoleak.transport import Response
from pytest_echoleak.workload import driver as driver_module
from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.request import Request
from pytest_echoleak.workload.workload import to_workload
from tests.misbehaving_server import Answer, Server, answering, ok, serving
from tests.workload.driven import Meeting, run


def numbers(server: Server) -> list[int]:
    found = (re.search(rb"/(\d+) ", request) for request in server.requests)
    return sorted(int(match[1]) for match in found if match)


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

    def test_at_rest_none_of_several_connections_is_open(self) -> None:
        with (
            serving(answering(ok())) as server,
            driving(to_workload("GET /"), lambda: server.url, 4) as driver,
        ):
            for _ in range(3):
                driver.run(1, 20)
                driver.rest()
            assert server.connections == 12

    def test_fewer_iterations_than_connections(self) -> None:
        with serving(answering(ok())) as server:
            run("GET /{i}", server, 3, concurrency=8)
            assert numbers(server) == [1, 2, 3]
            assert server.connections == 3

    def test_sequences_of_several_at_once_keep_their_order(self) -> None:
        by_peer: dict[int, list[bytes]] = {}

        def answer(peer: socket.socket, request: bytes) -> bool:
            by_peer.setdefault(peer.fileno(), []).append(request.split(b" ")[1])
            peer.sendall(ok())
            return True

        with serving(answer) as server:
            run(["GET /a/{i}", "GET /b/{i}", "GET /c/{i}"], server, 40, concurrency=4)
            assert server.connections == 4
        for paths in by_peer.values():
            starts = paths[::3]
            expected = [p.replace(b"/a/", b"/%c/" % c) for p in starts for c in b"abc"]
            assert paths == expected
        assert sum(map(len, by_peer.values())) == 120

    def test_connections_that_the_service_closes_are_opened_anew(self) -> None:
        closing = ok(extra=b"Connection: close\r\n")
        with serving(answering(closing, keep=False)) as server:
            run("GET /{i}", server, 40, concurrency=4)
            assert numbers(server) == list(range(1, 41))
            assert server.connections == 40

    def test_one_that_has_nothing_left_to_do_may_be_closed_while_others_work(self) -> None:
        """Its end is news that nobody asked for; the others' answers are still waited for."""

        def answer(peer: socket.socket, request: bytes) -> bool:
            if b"/1 " in request:
                peer.sendall(ok())
                return False
            server.closed.wait(10)
            time.sleep(0.1)
            peer.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            return True

        with serving(answer) as server, pytest.raises(WorkloadError, match="iteration 2: "):
            run("GET /{i}", server, 2, concurrency=2)

    def test_a_function_sees_all_of_a_long_body_and_its_headers(self) -> None:
        body = bytes(range(256)) * 4_000
        seen: list[tuple[bytes, str]] = []

        def expect(response: Response) -> bool:
            seen.append((response.body, response.header("x-a")))
            return True

        with serving(answering(ok(body, b"X-A: b\r\n"))) as server:
            run(Request("GET", "/", expect=expect), server, 6, concurrency=2)
        assert seen == [(body, "b")] * 6

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

    @pytest.mark.parametrize("concurrency", [1, 4])
    def test_one_answer_that_never_comes(
        self, concurrency: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The others go on meanwhile, and their work delays nothing."""
        monkeypatch.setattr(driver_module, "REQUEST_TIMEOUT_SECONDS", 0.5)

        def answer(peer: socket.socket, request: bytes) -> bool:
            if b"/7 " in request:
                return not peer.recv(1)
            peer.sendall(ok())
            return True

        text = r"^iteration 7: GET /7 failed: no whole answer within 0.5 s$"
        with serving(answer) as server:
            with pytest.raises(WorkloadError, match=text):
                run("GET /{i}", server, 1_000_000, concurrency=concurrency)
            assert numbers(server).count(7) == 1
            assert (len(server.requests) > 20) is (concurrency > 1)

    @pytest.mark.parametrize("concurrency", [1, 4])
    def test_after_an_interrupt_nothing_of_it_is_left(self, concurrency: int) -> None:
        def interrupt(response: Response) -> bool:
            if len(server.requests) > 30:
                raise KeyboardInterrupt
            return response.status == 200

        workload = to_workload(Request("GET", "/{i}", expect=interrupt))
        with serving(answering(ok())) as server:
            with driving(workload, lambda: server.url, concurrency) as driver:
                with pytest.raises(KeyboardInterrupt):
                    driver.run(1, 1_000)
                before = len(server.requests)
                assert before < 40
                with pytest.raises(KeyboardInterrupt):
                    driver.run(1_001, 1_000)
            sent = numbers(server)
            assert len(set(sent)) == len(sent), "nothing is sent again"
            assert server.connections > concurrency, "nor are connections used again"

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
