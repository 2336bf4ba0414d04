"""Services behind TLS, which run already."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_echoleak.transport import Connection, TransportError, fetch, split_url
from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.workload import to_workload
from tests.transport.exchanging import GET

BODY = b"x" * (60 << 14)  # whole records of TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    go_root = subprocess.run(["go", "env", "GOROOT"], check=True, capture_output=True, text=True)
    maker = Path(go_root.stdout.strip(), "src", "crypto", "tls", "generate_cert.go")
    subprocess.run(
        ["go", "run", maker, "--host", "127.0.0.1", "--ca"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    return folder / "cert.pem"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections: ClassVar[set[tuple[str, int]]]

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(certificate: Path) -> Iterator[tuple[str, set[tuple[str, int]]]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))

    class OwnHandler(Handler):
        connections: ClassVar[set[tuple[str, int]]] = set()

    with ThreadingHTTPServer(("127.0.0.1", 0), OwnHandler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}", OwnHandler.connections
        server.shutdown()
        thread.join()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def test_answers_longer_than_a_record(trusted: Path) -> None:
    with serving(trusted) as (url, connections):
        origin, _ = split_url(url)
        connection = Connection(origin, timeout_seconds=10, limit_bytes=2 * len(BODY))
        for _ in range(3):
            assert connection.exchange(GET).body == BODY
        connection.close()
        assert len(connections) == 1


def test_many_at_once(trusted: Path) -> None:
    with serving(trusted) as (url, connections):
        with driving(to_workload("GET /"), lambda: url, 4) as driver:
            driver.run(1, 40)
        assert len(connections) == 4


def test_a_certificate_that_nobody_vouches_for(certificate: Path) -> None:
    with serving(certificate) as (url, _):
        with pytest.raises(TransportError, match="certificate verify failed") as caught:
            fetch(url)
        assert not caught.value.sent
