"""Answers, from servers that keep HTTP's rules."""

from __future__ import annotations

import socket

import pytest

from pytest_echoleak.transport import message
from tests.misbehaving_server import answering, ok
from tests.transport.exchanging import GET, connected


def test_status_headers_and_body() -> None:
    with connected(answering(ok(b"hello", b"X-One: a\r\nx-one: b\r\n"))) as (connection, _):
        response = connection.exchange(GET)
    assert (response.status, response.body, response.text) == (200, b"hello", "hello")
    assert response.header("x-one") == "a"
    assert response.header("absent") == ""


def test_the_request_arrives_as_it_was_prepared() -> None:
    request = message("POST", "/a?b=c", b"host:1", {"X-A": "ü"}, b"body")
    with connected(answering(ok())) as (connection, server):
        connection.exchange(request)
    assert server.requests == [request]


def test_a_connection_is_used_again() -> None:
    with connected(answering(ok())) as (connection, server):
        for _ in range(5):
            assert connection.exchange(GET).body == b"ok"
        assert (server.connections, len(server.requests)) == (1, 5)


def test_chunked() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    with connected(answering(data)) as (connection, server):
        assert [connection.exchange(GET).body for _ in range(2)] == [b"abcde"] * 2
        assert server.connections == 1


def test_an_answer_that_comes_byte_by_byte() -> None:
    def drip(peer: socket.socket, _request: bytes) -> bool:
        for byte in ok(b"slow"):
            peer.sendall(bytes([byte]))
        return True

    with connected(drip) as (connection, _):
        assert connection.exchange(GET).body == b"slow"


def test_informational_answers_come_before_the_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + early + ok()
    with connected(answering(data)) as (connection, server):
        for _ in range(2):
            response = connection.exchange(GET)
            assert (response.status, response.body) == (200, b"ok")
            assert response.header("link") == ""
        assert server.connections == 1


def test_an_answer_to_head_has_no_body() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with connected(answering(data)) as (connection, server):
        for _ in range(3):
            assert connection.exchange(GET, head=True).body == b""
        assert (server.connections, len(server.requests)) == (1, 3)


def test_a_body_where_none_belongs_is_dropped_with_its_connection() -> None:
    with connected(answering(ok(b"stray"))) as (connection, server):
        for _ in range(3):
            assert connection.exchange(GET, head=True).body == b""
        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_never_has_a_body(status: int) -> None:
    with connected(answering(b"HTTP/1.1 %d X\r\n\r\n" % status)) as (connection, server):
        for _ in range(2):
            assert connection.exchange(GET).status == status
        assert server.connections == 1


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\nall of it"
    with connected(answering(data, keep=False)) as (connection, server):
        assert [connection.exchange(GET).body for _ in range(2)] == [b"all of it"] * 2
        assert server.connections == 2


def test_connection_close_is_obeyed() -> None:
    with connected(answering(ok(extra=b"Connection: close\r\n"))) as (connection, server):
        for _ in range(2):
            assert connection.exchange(GET).body == b"ok"
        assert server.connections == 2


def test_http_1_0_is_closed_after_each_answer() -> None:
    data = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with connected(answering(data, keep=False)) as (connection, server):
        assert [connection.exchange(GET).body for _ in range(2)] == [b"ok"] * 2
        assert server.connections == 2
