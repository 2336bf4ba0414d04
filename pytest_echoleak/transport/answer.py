"""Answers as they come in, piece by piece."""

from __future__ import annotations

import httptools

from pytest_echoleak.transport.messages import Response, TransportError

_HEAD_LIMIT_BYTES = 1 << 20


class Answer:
    """Collects one answer after the other through httptools' callbacks.

    What comes behind an answer belongs to no request: it is dropped, and the connection with it.
    One parser reads all answers of a connection: making one for each costs as much as its work.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._head = False
        self._kept_bytes = limit_bytes
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._size_bytes = 0
        self.status = 0
        self.keep_alive = False
        self.done = False

    def renew(self) -> None:
        """Begin with another connection."""
        self._parser = httptools.HttpResponseParser(self)
        self._head = False

    def begin(self, *, head: bool, kept_bytes: int | None) -> None:
        """Expect an answer, without a body where `head`.

        All of a body is read; no more of it is kept than `kept_bytes`, and a piece.
        """
        if self._head:  # the parser waits for a body that does not come
            self.renew()
        self._head = head
        self._kept_bytes = self._limit_bytes if kept_bytes is None else kept_bytes
        self._headers.clear()
        self._body = bytearray()
        self._size_bytes = 0
        self.status = 0
        self.keep_alive = self.done = False

    def feed(self, data: bytes) -> None:
        """Take the next piece. Raises TransportError."""
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            text = f"the answer is longer than {self._limit_bytes} bytes"
            raise TransportError(text, reason="too large", sent=True)
        # Headers cost far more memory than their bytes, and a body may be long.
        if not self.status and self._size_bytes > _HEAD_LIMIT_BYTES:
            text = f"the head of the answer is longer than {_HEAD_LIMIT_BYTES} bytes"
            raise TransportError(text, reason="too large", sent=True)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as cause:
            text = f"the answer is not HTTP/1.1: {cause!r}"
            raise TransportError(text, reason="malformed", sent=True) from cause

    def end_of_stream(self) -> None:
        """Take the peer's close as the end of a body that has no length, else as a fault."""
        lengths = {name.lower() for name, _ in self._headers}
        open_ended = not lengths & {b"content-length", b"transfer-encoding"}
        if not self.status or not open_ended:
            what = "before an answer" if not self.status else "in the middle of its answer"
            text = f"the service closed the connection {what}"
            raise TransportError(text, reason="closed", sent=True)
        self.keep_alive = False
        self.done = True

    def response(self) -> Response:
        """Return what came, its body as far as it was kept."""
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in self._headers
        )
        return Response(self.status, headers, bytes(self._body))

    def on_message_begin(self) -> None:
        if self.done:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # else a trailer, or the head of an answer that nobody asked for
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.done:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._headers.clear()
            return
        self.status = status
        self.keep_alive = self._parser.should_keep_alive()
        if self._head:
            self.done = True

    def on_body(self, body: bytes) -> None:
        if self.done:
            self.keep_alive = False
        elif len(self._body) < self._kept_bytes:
            self._body += body

    def on_message_complete(self) -> None:
        if self.status:
            self.done = True
