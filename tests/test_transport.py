"""The transport, against servers that keep HTTP's rules and servers that break them."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.transport import (
    Connection,
    Origin,
    Response,
    TransportError,
    decompressed,
    fetch,
    gunzip,
    message,
    split_url,
)
from tests.misbehaving_server import Answer, Server, answering, ok, serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def connected(
    answer: Answer, *, timeout_seconds: float = 10.0, limit_bytes: int = 1 << 20
) -> Iterator[tuple[Connection, Server]]:
    with serving(answer) as server:
        origin, _ = split_url(server.url)
        connection = Connection(origin, timeout_seconds=timeout_seconds, limit_bytes=limit_bytes)
        try:
            yield connection, server
        finally:
            connection.close()


def failure(answer: Answer, **limits: float) -> TransportError:
    """Return how one exchange with a server fails."""
    with (
        connected(answer, **limits) as (connection, _),  # type: ignore[arg-type]
        pytest.raises(TransportError) as caught,
    ):
        connection.exchange(GET)
    return caught.value


class TestAnswers:
    def test_status_headers_and_body(self) -> None:
        with connected(answering(ok(b"hello", b"X-One: a\r\nx-one: b\r\n"))) as (connection, _):
            response = connection.exchange(GET)
        assert (response.status, response.body, response.text) == (200, b"hello", "hello")
        assert response.header("x-one") == "a"
        assert response.header("absent") == ""

    def test_the_request_arrives_as_it_was_prepared(self) -> None:
        request = message("POST", "/a?b=c", b"host:1", {"X-A": "ü"}, b"body")
        with connected(answering(ok())) as (connection, server):
            connection.exchange(request)
        assert server.requests == [request]

    def test_a_connection_is_used_again(self) -> None:
        with connected(answering(ok())) as (connection, server):
            for _ in range(5):
                assert connection.exchange(GET).body == b"ok"
            assert (server.connections, len(server.requests)) == (1, 5)

    def test_chunked(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        data = head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        with connected(answering(data)) as (connection, server):
            assert [connection.exchange(GET).body for _ in range(2)] == [b"abcde"] * 2
            assert server.connections == 1

    def test_an_answer_that_comes_byte_by_byte(self) -> None:
        def drip(peer: socket.socket, _request: bytes) -> bool:
            for byte in ok(b"slow"):
                peer.sendall(bytes([byte]))
            return True

        with connected(drip) as (connection, _):
            assert connection.exchange(GET).body == b"slow"

    def test_informational_answers_come_before_the_answer(self) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        data = b"HTTP/1.1 100 Continue\r\n\r\n" + early + ok()
        with connected(answering(data)) as (connection, server):
            for _ in range(2):
                response = connection.exchange(GET)
                assert (response.status, response.body) == (200, b"ok")
                assert response.header("link") == ""
            assert server.connections == 1

    def test_an_answer_to_head_has_no_body(self) -> None:
        data = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        with connected(answering(data)) as (connection, server):
            for _ in range(3):
                assert connection.exchange(GET, head=True).body == b""
            assert (server.connections, len(server.requests)) == (1, 3)

    def test_a_body_where_none_belongs_is_dropped_with_its_connection(self) -> None:
        with connected(answering(ok(b"stray"))) as (connection, server):
            for _ in range(3):
                assert connection.exchange(GET, head=True).body == b""
            assert (server.connections, len(server.requests)) == (3, 3)

    @pytest.mark.parametrize("status", [204, 304])
    def test_an_answer_that_never_has_a_body(self, status: int) -> None:
        with connected(answering(b"HTTP/1.1 %d X\r\n\r\n" % status)) as (connection, server):
            for _ in range(2):
                assert connection.exchange(GET).status == status
            assert server.connections == 1

    def test_a_body_without_a_length_ends_with_the_connection(self) -> None:
        data = b"HTTP/1.1 200 OK\r\n\r\nall of it"
        with connected(answering(data, keep=False)) as (connection, server):
            assert [connection.exchange(GET).body for _ in range(2)] == [b"all of it"] * 2
            assert server.connections == 2

    def test_connection_close_is_obeyed(self) -> None:
        with connected(answering(ok(extra=b"Connection: close\r\n"))) as (connection, server):
            for _ in range(2):
                assert connection.exchange(GET).body == b"ok"
            assert server.connections == 2

    def test_http_1_0_is_closed_after_each_answer(self) -> None:
        data = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
        with connected(answering(data, keep=False)) as (connection, server):
            assert [connection.exchange(GET).body for _ in range(2)] == [b"ok"] * 2
            assert server.connections == 2


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


class TestLimits:
    def test_a_body_that_drips_beyond_the_deadline(self) -> None:
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

    def test_no_answer_at_all(self) -> None:
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
    def test_an_answer_without_end(self, head: bytes) -> None:
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
    def test_a_head_without_end_costs_little(self, head: bytes, more: bytes) -> None:
        """A header line is five bytes to send and hundreds to keep: bodies may be longer."""

        def endless(peer: socket.socket, _request: bytes) -> bool:
            peer.sendall(head)
            while True:
                peer.sendall(more * 10_000)

        error = failure(endless, limit_bytes=64 << 20)
        assert error.reason == "too large"
        assert str(error) == "the head of the answer is longer than 1048576 bytes"

    @pytest.mark.parametrize("more", [b"0\r\n" + b"a:b\r\n" * 1_000_000, b"1\r\nx\r\n" * 1_000_000])
    def test_small_chunks_and_trailers_cost_no_more_than_a_body(self, more: bytes) -> None:
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

    def test_an_answer_of_exactly_the_limit_passes(self) -> None:
        data = ok(b"x" * 1000)
        with connected(answering(data), limit_bytes=len(data)) as (connection, _):
            assert len(connection.exchange(GET).body) == 1000
        assert failure(answering(data), limit_bytes=len(data) - 1).reason == "too large"

    @settings(max_examples=50, deadline=None)
    @given(st.binary(min_size=1, max_size=200))
    def test_garbage(self, data: bytes) -> None:
        with connected(answering(b"\0" + data, keep=False)) as (connection, _):
            with pytest.raises(TransportError) as caught:
                connection.exchange(GET)
            assert caught.value.reason in {"malformed", "closed"}

    def test_another_protocol_is_malformed(self) -> None:
        error = failure(answering(b"\x15\x03\x01\x00\x02\x02\x16"))
        assert error.reason == "malformed"
        assert "not HTTP/1.1" in str(error)

    def test_a_switch_of_protocols_is_malformed(self) -> None:
        data = (
            b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05"
        )
        assert failure(answering(data)).reason == "malformed"


class TestMessages:
    def test_the_bytes_of_a_request(self) -> None:
        assert message("GET", "/a", b"h:1", {"A": "b"}) == (
            b"GET /a HTTP/1.1\r\nA: b\r\nHost: h:1\r\n\r\n"
        )

    def test_a_body_has_a_length_and_an_empty_post_too(self) -> None:
        assert b"Content-Length: 3\r\n" in message("PUT", "/", b"h", {}, b"abc")
        assert b"Content-Length: 0\r\n" in message("POST", "/", b"h", {})
        assert b"Content-Length" not in message("GET", "/", b"h", {})

    def test_the_users_own_host_header_wins(self) -> None:
        data = message("GET", "/", b"h", {"host": "shop.example"})
        assert data.lower().count(b"host:") == 1
        assert b"host: shop.example" in data

    @pytest.mark.parametrize(
        ("method", "target", "headers"),
        [
            ("GET", "/a\r\nX: y", {}),
            ("GET", "/a\n", {}),
            ("GET\r\n", "/", {}),
            ("GET", "/a HTTP/1.1", {}),
            ("GET", "/", {"A": "b\r\n\r\nGET /admin HTTP/1.1"}),
            ("GET", "/", {"A\r\nB": "c"}),
            ("GET", "/", {"A": "b\rc"}),
        ],
    )
    def test_what_could_smuggle_another_request_is_refused(
        self, method: str, target: str, headers: dict[str, str]
    ) -> None:
        with pytest.raises(ValueError, match="line break or space"):
            message(method, target, b"h", headers)

    @settings(deadline=None)
    @given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
    def test_a_message_that_is_made_is_one_request(self, path: str, name: str, value: str) -> None:
        try:
            data = message("GET", "/" + path, b"h", {name: value})
        except ValueError:
            return
        head, end, rest = data.partition(b"\r\n\r\n")
        assert (end, rest) == (b"\r\n\r\n", b"")
        assert len(head.split(b"\r\n")) == 3
        assert b"\n" not in head.replace(b"\r\n", b"")


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "origin", "target", "host"),
        [
            ("http://a", Origin("http", "a", 80), "/", b"a"),
            ("http://a:8080/x?y=1#z", Origin("http", "a", 8080), "/x?y=1", b"a:8080"),
            ("https://a/x", Origin("https", "a", 443), "/x", b"a"),
            ("http://a:443", Origin("http", "a", 443), "/", b"a:443"),
            ("http://[::1]:81/", Origin("http", "::1", 81), "/", b"[::1]:81"),
        ],
    )
    def test_their_parts(self, url: str, origin: Origin, target: str, host: bytes) -> None:
        assert split_url(url) == (origin, target)
        assert origin.host_header == host

    @pytest.mark.parametrize(
        "url",
        ["", "a:80", "/x", "ftp://a", "http://", "http://a:x", "http://a/x y", "http://a/\x01"],
    )
    def test_what_is_none(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            split_url(url)


class TestFetch:
    def test_it_sends_headers_and_leaves_no_connection(self) -> None:
        with serving(answering(ok())) as server:
            assert fetch(f"{server.url}/a?b", {"Authorization": "Basic x"}).body == b"ok"
            assert server.closed.wait(10)
        assert server.requests[0].startswith(b"GET /a?b HTTP/1.1\r\nAuthorization: Basic x\r\n")


class TestGzip:
    def test_a_body_is_unpacked_only_where_its_header_says_gzip(self) -> None:
        packed = gzip.compress(b"plain")
        assert decompressed(Response(200, (), packed), 100) == packed
        gzipped = Response(200, (("content-encoding", "GZIP"),), packed)
        assert decompressed(gzipped, 100) == b"plain"

    def test_exactly_the_limit_passes(self) -> None:
        assert len(gunzip(gzip.compress(bytes(1000)), 1000)) == 1000
        with pytest.raises(TransportError, match="unpacks to more than 999 bytes") as caught:
            gunzip(gzip.compress(bytes(1000)), 999)
        assert caught.value.reason == "too large"

    def test_truncated_and_damaged(self) -> None:
        whole = gzip.compress(b"plain" * 100)
        with pytest.raises(TransportError, match="truncated gzip"):
            gunzip(whole[:-1], 1000)
        with pytest.raises(TransportError, match="damaged gzip"):
            gunzip(b"<html>", 1000)
        with pytest.raises(TransportError, match="damaged gzip"):
            gunzip(whole[:-8] + bytes(8), 1000)

    def test_what_stands_behind_the_end_is_never_dropped_unseen(self) -> None:
        for behind in (b"x", gzip.compress(b"b")):
            with pytest.raises(TransportError, match="more data behind it"):
                gunzip(gzip.compress(b"a") + behind, 10)

    @settings(deadline=None)
    @given(st.binary())
    def test_whatever_is_packed_is_unpacked(self, data: bytes) -> None:
        assert gunzip(gzip.compress(data), len(data)) == data
