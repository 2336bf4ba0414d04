"""The independent counter: what a service says of itself, and requests made with http.client.

Nothing here is pytest_echoleak's, which is what the labels are to judge.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.labels import MODULE, Case

_READY_SECONDS = 20.0


@dataclass(frozen=True)
class Count:
    """What lives in a service after three collections: objects, bytes, goroutines."""

    objects: int
    bytes: int
    goroutines: int


@dataclass(frozen=True)
class Growth:
    """What stayed of each request."""

    objects: float
    bytes: float
    goroutines: float


def build_all(folder: Path) -> None:
    """Build all services of the corpus into `folder`, in one go."""
    command = ["go", "build", "-buildvcs=false", "-o", f"{folder}{os.sep}", "./services/..."]
    environment = {"CGO_ENABLED": "0", **os.environ}
    done = subprocess.run(command, cwd=MODULE, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")


@contextmanager
def running(program: Path) -> Iterator[int]:
    """Run a service on a free port of this machine, which is what is yielded."""
    port = _free_port()
    environment = {**os.environ, "ADDR": f"127.0.0.1:{port}"}
    with subprocess.Popen([program], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()


def growth(case: Case, port: int) -> Growth:
    """Return what stays of each of the case's requests, once it is steady."""
    connections = case.options.get("concurrency", 1)
    numbers = itertools.count(1)
    with _clients(port, connections) as clients:
        _send(clients, case, case.steady_after, numbers)
        before = _settled(clients[0], case)
        began = time.monotonic()
        _send(clients, case, case.truth_requests, numbers)
        after = _settled(clients[0], case)
        growths = _minus(after, before)
        if case.by_clock:
            time.sleep(time.monotonic() - began)
            growths = _minus_counts(growths, _minus(_count(clients[0]), after))
    n = case.truth_requests
    return Growth(growths.objects / n, growths.bytes / n, growths.goroutines / n)


def _settled(client: http.client.HTTPConnection, case: Case) -> Count:
    """Return the count when what goes by itself has had its time."""
    time.sleep(case.settle_seconds or 0.05)
    return _count(client)


def _count(client: http.client.HTTPConnection) -> Count:
    client.request("GET", "/truth")
    values = json.loads(client.getresponse().read())
    return Count(values["objects"], values["bytes"], values["goroutines"])


def _minus(after: Count, before: Count) -> Count:
    return _minus_counts(after, before)


def _minus_counts(one: Count, other: Count) -> Count:
    return Count(
        one.objects - other.objects, one.bytes - other.bytes, one.goroutines - other.goroutines
    )


@contextmanager
def _clients(port: int, number: int) -> Iterator[list[http.client.HTTPConnection]]:
    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(number)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def _send(
    clients: list[http.client.HTTPConnection], case: Case, requests: int, numbers: Iterator[int]
) -> None:
    """Send `requests` requests over all connections at once."""
    shares = [requests // len(clients)] * len(clients)
    shares[0] += requests - sum(shares)

    def send(client: http.client.HTTPConnection, share: int) -> None:
        for _ in range(share):
            _send_one(client, case, next(numbers))

    with ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(send, *pair) for pair in zip(clients, shares, strict=True)]:
            done.result()


def _send_one(client: http.client.HTTPConnection, case: Case, number: int) -> None:
    headers = {name: value.replace("{i}", str(number)) for name, value in case.headers.items()}
    client.request(case.method, case.path.replace("{i}", str(number)), headers=headers)
    answer = client.getresponse()
    answer.read()
    expected = answer.status == case.expect if case.expect else 200 <= answer.status < 300
    if not expected:
        raise AssertionError(f"{case.name}: answered {answer.status}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port} after {_READY_SECONDS:g} s")
        time.sleep(0.01)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def program(folder: Path, service: str) -> Path:
    """Return where `build_all` put a service."""
    return folder / (f"{service}.exe" if sys.platform == "win32" else service)
