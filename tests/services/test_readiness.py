from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_echoleak.errors import ServiceError, SnapshotError
from pytest_echoleak.services.attached import AttachedInstance
from pytest_echoleak.services.readiness import check_pprof, wait_until_ready
from pytest_echoleak.services.specs import Running
from tests.services.forking import running

PROFILE = gzip.compress(b"\x0a\x04\x08\x01\x10\x02")


@contextlib.contextmanager
def answering(
    status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, *, login: str = ""
) -> Iterator[Running]:
    """A server that answers everything alike, or 401 where the header Authorization is another."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            refused = login and self.headers.get("Authorization") != login
            self.send_response(401 if refused else status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Running(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def pprof_error(spec: Running) -> str:
    instance = AttachedInstance(spec)
    with pytest.raises(SnapshotError) as caught:
        check_pprof(instance.endpoints(), instance)
    return str(caught.value)


def test_any_answer_counts_where_no_path_is_given() -> None:
    with answering(500) as spec:
        wait_until_ready(AttachedInstance(spec), spec, timeout_seconds=10)


def test_a_path_must_answer_with_success() -> None:
    with running("serve", ready="/slow-start") as instance:
        assert instance.ending() is None


def test_the_time_limit_tells_the_last_answer_and_the_log() -> None:
    with pytest.raises(ServiceError) as caught, running(ready="/never", ready_timeout_seconds=0.5):
        pass
    text = str(caught.value)
    assert "not ready within 0.5 s" in text
    assert "/never: the last answer was 503 Service Unavailable" in text
    assert "listening on 127.0.0.1:" in text


def test_nobody_listening_says_where_to_listen() -> None:
    with pytest.raises(ServiceError) as caught, running("silent", ready_timeout_seconds=0.5):
        pass
    assert "Connection refused" in str(caught.value)
    assert "PORT and ADDR" in str(caught.value)
    assert "printed nothing" in str(caught.value)


def test_a_service_that_resets_every_connection_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = threading.Event()

        def slam() -> None:
            server.settimeout(0.02)
            while not stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    server.accept()[0].close()

        thread = threading.Thread(target=slam)
        thread.start()
        spec = Running(f"http://127.0.0.1:{server.getsockname()[1]}")
        try:
            with pytest.raises(ServiceError, match="not ready within"):
                wait_until_ready(AttachedInstance(spec), spec, timeout_seconds=0.3)
        finally:
            stopped.set()
            thread.join()


def test_pprof_of_a_real_service_answers() -> None:
    with running() as instance:
        check_pprof(instance.endpoints(), instance)


def test_a_profile_is_accepted() -> None:
    with answering(200, PROFILE) as spec:
        instance = AttachedInstance(spec)
        check_pprof(instance.endpoints(), instance)


def test_a_profile_that_a_middleware_compressed_again_is_accepted() -> None:
    with answering(200, gzip.compress(PROFILE), {"Content-Encoding": "gzip"}) as spec:
        instance = AttachedInstance(spec)
        check_pprof(instance.endpoints(), instance)


def test_no_pprof_says_how_to_mount_it() -> None:
    with answering(404) as spec:
        text = pprof_error(spec)
    assert 'import _ "net/http/pprof"' in text
    assert 'pprof=":6060/debug/pprof"' in text


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_says_how_to_open_it(status: int) -> None:
    with answering(status) as spec:
        text = pprof_error(spec)
    assert str(status) in text
    assert "headers=" in text


def test_headers_open_a_login() -> None:
    with answering(200, PROFILE, login="Bearer x") as spec:
        assert "headers=" in pprof_error(spec)
        instance = AttachedInstance(Running(spec.url, headers={"Authorization": "Bearer x"}))
        check_pprof(instance.endpoints(), instance)


def test_a_redirect_to_a_login_is_a_login() -> None:
    with answering(302, headers={"Location": "/auth/login?next=/debug"}) as spec:
        text = pprof_error(spec)
    assert "behind a login" in text
    assert "/auth/login" in text


def test_another_redirect_asks_for_the_place_itself() -> None:
    with answering(301, headers={"Location": "/ops/pprof/"}) as spec:
        assert "give pprof= the place itself" in pprof_error(spec)


@pytest.mark.parametrize("headers", [{"Content-Type": "text/html; charset=utf-8"}, {}])
def test_a_page_in_place_of_a_profile_is_told(headers: dict[str, str]) -> None:
    with answering(200, b"\n<!doctype html><title>shop</title>", headers) as spec:
        assert "an HTML page" in pprof_error(spec)


@pytest.mark.parametrize("body", [b"", b"{}", b"goroutine profile: total 5"])
def test_anything_else_is_no_profile(body: bytes) -> None:
    with answering(200, body) as spec:
        assert "something that is no profile" in pprof_error(spec)


def test_a_damaged_compression_is_told() -> None:
    body = gzip.compress(PROFILE)[:-6]
    with answering(200, body, {"Content-Encoding": "gzip"}) as spec:
        assert "truncated gzip" in pprof_error(spec)


def test_a_server_error_shows_what_it_said() -> None:
    with answering(503, b"no \x1b[31mprofiles today") as spec:
        text = pprof_error(spec)
    assert "503 Service Unavailable: no \\x1b[31mprofiles today" in text


def test_a_service_that_ended_is_told_as_such() -> None:
    with running() as instance:
        endpoints = instance.endpoints()
        instance.stop()
        with pytest.raises(ServiceError, match=r"ended: signal 15 \(SIGTERM\)"):
            check_pprof(endpoints, instance)
