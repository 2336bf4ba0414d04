"""Limits of time and size, and answers that are none."""

from __future__ import annotations

import socket
import threading
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.transport import TransportError
from tests.misbehaving_server import answering, ok
from tests.transport.exchanging import GET, connected, failure


def test_a_body_that_drips_beyond_the_deadline() -> None:
    """Each byte comes in time; only a deadline for the whole exchange ends this."""
    over = threading.Event()

    def drip(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.02):
            peer.sendall(b"x")
        return False

    error = failure(drip, timeout_seconds=0.3)
    over.set()
    assert (error.reason, error.sent) == ("timeout", True)
    assert str(error) == "no whole answer within 0.3 s"


def test_no_answer_at_all() -> None:
    def nothing(peer: socket.socket, _request: bytes) -> bool:
        return not peer.recv(1)

    error = failure(nothing, timeout_seconds=0.2)
    assert (error.reason, error.sent) == ("timeout", True)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Header: ",
        b"",
    ],
)
def test_an_answer_without_end(head: bytes) -> None:
    def endless(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(head or b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            peer.sendall(b"x" * 65_536 if head else b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    error = failure(endless, limit_bytes=300_000)
    assert error.reason in {"too large", "malformed"}
    assert error.sent


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_head_without_end_costs_little(head: bytes, more: bytes) -> None:
    """A header line is five bytes to send and hundreds to keep: bodies may be longer."""

    def endless(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(head)
        while True:
            peer.sendall(more * 10_000)

    error = failure(endless, limit_bytes=64 << 20)
    assert error.reason == "too large"
    assert str(error) == "the head of the answer is longer than 1048576 bytes"


@pytest.mark.parametrize("more", [b"0\r\n" + b"a:b\r\n" * 1_000_000, b"1\r\nx\r\n" * 1_000_000])
def test_small_chunks_and_trailers_cost_no_more_than_a_body(more: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + more
    ended = data + (b"\r\n" if more.startswith(b"0") else b"0\r\n\r\n")
    with connected(answering(ended), limit_bytes=16 << 20) as (connection, _):
        tracemalloc.start()
        try:
            response = connection.exchange(GET)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()
    assert len(response.headers) == 1


def test_an_answer_of_exactly_the_limit_passes() -> None:
    data = ok(b"x" * 1000)
    with connected(answering(data), limit_bytes=len(data)) as (connection, _):
        assert len(connection.exchange(GET).body) == 1000
    assert failure(answering(data), limit_bytes=len(data) - 1).reason == "too large"


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_garbage(data: bytes) -> None:
    with connected(answering(b"\0" + data, keep=False)) as (connection, _):
        with pytest.raises(TransportError) as caught:
            connection.exchange(GET)
        assert caught.value.reason in {"malformed", "closed"}


def test_another_protocol_is_malformed() -> None:
    error = failure(answering(b"\x15\x03\x01\x00\x02\x02\x16"))
    assert error.reason == "malformed"
    assert "not HTTP/1.1" in str(error)


def test_a_switch_of_protocols_is_malformed() -> None:
    data = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05"
    assert failure(answering(data)).reason == "malformed"
