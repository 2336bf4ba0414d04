"""Channels: what is sent and received in pieces, with others beside them."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_echoleak.transport import Channel, TransportError, message, split_url
from tests.misbehaving_server import Answer, Server, answering, ok, serving
from tests.transport.exchanging import GET

LARGE = b"x" * (8 << 20)


@contextmanager
def channels(answer: Answer, count: int = 1) -> Iterator[tuple[list[Channel], Server]]:
    with serving(answer) as server, selectors.DefaultSelector() as selector:
        made: list[Channel] = []
        for place in range(count):
            origin, _ = split_url(server.url)
            limits = {"timeout_seconds": 10.0, "limit_bytes": 64 << 20}
            made.append(Channel(origin, selector, data=place, **limits))  # type: ignore[arg-type]
        try:
            yield made, server
        finally:
            for channel in made:
                channel.close()


def finish(channel: Channel) -> bytes:
    while True:
        channel.wait(channel.deadline - time.monotonic())
        if channel.advance():
            return channel.answer.response().body


def test_nothing_waits_for_an_answer_but_who_wants_to() -> None:
    over = threading.Event()

    def late(peer: socket.socket, request: bytes) -> bool:
        if b"/slow" in request:
            over.wait(10)
        peer.sendall(ok(b"late" if b"/slow" in request else b"soon"))
        return True

    with channels(late, 2) as ((slow, quick), server):
        slow.begin(message("GET", "/slow", b"h", {}))
        assert not slow.advance()
        quick.begin(GET)
        assert finish(quick) == b"soon"
        assert not slow.advance()
        over.set()
        assert finish(slow) == b"late"
        assert (server.connections, len(server.requests)) == (2, 2)


def test_a_large_body_is_sent_in_pieces_as_the_service_reads_it() -> None:
    reading = threading.Event()

    def patient(peer: socket.socket, request: bytes) -> bool:
        if len(request) < len(LARGE):
            reading.wait(10)
        peer.sendall(ok(b"%d" % len(request)))
        return True

    request = message("PUT", "/", b"h", {}, LARGE)
    with channels(patient) as ([channel], server):
        for _ in range(2):
            channel.begin(request)
            assert finish(channel) == b"%d" % len(request)
        assert server.connections == 1
        assert server.requests == [request, request]


def test_an_answer_to_half_a_request_is_taken_and_its_connection_dropped() -> None:
    """413, say: the service answers, and reads no more."""
    peers = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            peer, _ = listener.accept()
            peers.append(peer)
            peer.recv(1000)
            peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")

        thread = threading.Thread(target=refuse)
        thread.start()
        origin, _ = split_url(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with selectors.DefaultSelector() as selector:
            channel = Channel(origin, selector, timeout_seconds=10, limit_bytes=1000)
            channel.begin(message("PUT", "/", b"h", {}, 4 * LARGE))
            assert finish(channel) == b"no"
            assert channel.answer.status == 413
            assert not selector.get_map(), "the connection is closed"
        thread.join()
        peers[0].close()


def test_a_long_body_is_read_to_its_end_and_not_kept() -> None:
    with channels(answering(ok(LARGE))) as ([channel], server):
        for _ in range(2):
            channel.begin(GET, kept_bytes=1000)
            assert 1000 <= len(finish(channel)) < 1 << 20
        assert server.connections == 1


def test_one_that_is_reset_while_it_sends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            peer, _ = listener.accept()
            peer.recv(1000)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()

        thread = threading.Thread(target=reset)
        thread.start()
        origin, _ = split_url(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with selectors.DefaultSelector() as selector:
            channel = Channel(origin, selector, timeout_seconds=10, limit_bytes=1000)
            channel.begin(message("PUT", "/", b"h", {}, 4 * LARGE))
            with pytest.raises(TransportError, match="connection lost") as caught:
                finish(channel)
            assert (caught.value.reason, caught.value.sent) == ("reset", True)
            assert not selector.get_map()
        thread.join()


def test_what_is_late_is_closed() -> None:
    def nothing(peer: socket.socket, _request: bytes) -> bool:
        return not peer.recv(1)

    with channels(nothing) as ([channel], server):
        channel.begin(GET)
        error = channel.late()
        assert (error.reason, error.sent) == ("timeout", True)
        assert server.closed.wait(10)
