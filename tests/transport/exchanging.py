"""Exchanges with servers of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_echoleak.transport import Connection, TransportError, split_url
from tests.misbehaving_server import Answer, Server, serving

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
