"""Connections that end, sooner or later: no request is ever sent twice."""

from __future__ import annotations

import socket

import pytest

from pytest_echoleak.transport import TransportError, fetch
from tests.misbehaving_server import answering, ok, serving
from tests.transport.exchanging import GET, connected, failure


class TestClosedConnections:
    def test_one_closed_while_idle_is_opened_anew_and_nothing_is_sent_twice(self) -> None:
        with connected(answering(ok(), keep=False)) as (connection, server):
            for _ in range(10):
                server.closed.clear()
                assert connection.exchange(GET).body == b"ok"
                assert server.closed.wait(10)
            assert (server.connections, len(server.requests)) == (10, 10)

    def test_a_request_that_was_sent_is_not_sent_again(self) -> None:
        def first_ok_then_hang_up(peer: socket.socket, _request: bytes) -> bool:
            if len(server.requests) > 1:
                return False
            peer.sendall(ok())
            return True

        with connected(first_ok_then_hang_up) as (connection, server):
            connection.exchange(GET)
            with pytest.raises(TransportError, match="before an answer") as caught:
                connection.exchange(GET)
            assert (caught.value.reason, caught.value.sent) == ("closed", True)
            assert len(server.requests) == 2

    def test_the_next_exchange_after_a_failure_begins_anew(self) -> None:
        def second_time_ok(peer: socket.socket, _request: bytes) -> bool:
            peer.sendall(ok() if len(server.requests) > 1 else b"garbage\r\n\r\n")
            return True

        with connected(second_time_ok) as (connection, server):
            with pytest.raises(TransportError):
                connection.exchange(GET)
            assert connection.exchange(GET).body == b"ok"
            assert server.connections == 2

    def test_what_came_unasked_is_never_taken_for_an_answer(self) -> None:
        with connected(answering(ok(b"1") + ok(b"stray"))) as (connection, server):
            assert [connection.exchange(GET).body for _ in range(3)] == [b"1"] * 3
            assert (server.connections, len(server.requests)) == (3, 3)

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ],
    )
    def test_one_closed_in_the_middle_of_a_body(self, data: bytes) -> None:
        error = failure(answering(data, keep=False))
        assert (error.reason, error.sent) == ("closed", True)
        assert "in the middle of its answer" in str(error)

    def test_one_closed_in_the_middle_of_the_headers(self) -> None:
        error = failure(answering(b"HTTP/1.1 200 OK\r\nContent-Le", keep=False))
        assert (error.reason, error.sent) == ("closed", True)

    def test_one_that_is_reset(self) -> None:
        def reset(peer: socket.socket, _request: bytes) -> bool:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False

        error = failure(reset)
        assert (error.reason, error.sent) == ("reset", True)

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(TransportError, match=f"cannot connect to 127.0.0.1:{port}") as caught:
            fetch(f"http://127.0.0.1:{port}/")
        assert (caught.value.reason, caught.value.sent) == ("refused", False)


class TestFetch:
    def test_it_sends_headers_and_leaves_no_connection(self) -> None:
        with serving(answering(ok())) as server:
            assert fetch(f"{server.url}/a?b", {"Authorization": "Basic x"}).body == b"ok"
            assert server.closed.wait(10)
        assert server.requests[0].startswith(b"GET /a?b HTTP/1.1\r\nAuthorization: Basic x\r\n")
