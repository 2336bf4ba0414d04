"""One exchange after the other, each waited for."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping

from pytest_echoleak.transport.channel import Channel
from pytest_echoleak.transport.messages import Origin, Response, message, split_url


class Connection:
    """A keep-alive connection to one origin, for one thread. Never sends a request twice."""

    def __init__(self, origin: Origin, *, timeout_seconds: float, limit_bytes: int) -> None:
        self._origin = origin
        self._timeout_seconds = timeout_seconds
        self._limit_bytes = limit_bytes
        self._opened: tuple[selectors.BaseSelector, Channel] | None = None

    @property
    def host_header(self) -> bytes:
        """The Host header's value for requests on this connection."""
        return self._origin.host_header

    def exchange(self, request: bytes, *, head: bool = False) -> Response:
        """Send one prepared request and return its answer. Raises TransportError.

        `head` tells that the answer to this request has no body whatever its headers say.
        """
        _, channel = self._opened = self._opened or self._open()
        try:
            channel.begin(request, head=head)
            done = False
            while not done:
                left = channel.deadline - time.monotonic()
                if left <= 0:
                    raise channel.late()
                channel.wait(left)
                done = channel.advance()
        except BaseException:
            self.close()
            raise
        return channel.answer.response()

    def close(self) -> None:
        """Close the socket, if one is open. The next exchange opens another."""
        if self._opened is not None:
            selector, channel = self._opened
            channel.close()
            selector.close()
            self._opened = None

    def _open(self) -> tuple[selectors.BaseSelector, Channel]:
        selector = selectors.DefaultSelector()
        return selector, Channel(
            self._origin,
            selector,
            timeout_seconds=self._timeout_seconds,
            limit_bytes=self._limit_bytes,
        )


def fetch(
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_seconds: float = 10.0,
    limit_bytes: int = 1 << 20,
) -> Response:
    """GET `url` once over a connection of its own. Raises TransportError, ValueError."""
    origin, target = split_url(url)
    connection = Connection(origin, timeout_seconds=timeout_seconds, limit_bytes=limit_bytes)
    try:
        return connection.exchange(message("GET", target, origin.host_header, headers or {}))
    finally:
        connection.close()
