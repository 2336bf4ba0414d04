"""HTTP/1.1 over one socket, with a deadline for the whole exchange and a limit on what is read.

The driver's speed decides how long a check takes, and a check must know whether a request was
sent: messages are prepared bytes, written to a blocking socket, and read by httptools' parser.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httptools

_READ_BYTES = 65_536
_HEAD_LIMIT_BYTES = 1 << 20


class TransportError(Exception):
    """An exchange failed. `sent` tells whether the service may have seen the request.

    `reason` is one of "refused", "timeout", "reset", "closed", "malformed", "too large".
    """

    def __init__(self, message: str, *, reason: str, sent: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True)
class Response:
    """An HTTP answer. Header names are in lower case; the body is as sent, not decompressed."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first value of the header `name` (lower case), "" where it is absent."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def text(self) -> str:
        """The body as UTF-8 text, with a mark for whatever is not."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body decoded as JSON. ValueError where it is none."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Origin:
    """Where a URL points: scheme, host, port, and the Host header that names it."""

    scheme: str
    host: str
    port: int

    @property
    def host_header(self) -> bytes:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return (host if self.port == default else f"{host}:{self.port}").encode()


def split_url(url: str) -> tuple[Origin, str]:
    """Return the origin of `url` and its target (path and query). ValueError where it is no URL."""
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError(f"{url!r} has a space or a control character in it")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not an http:// or https:// URL")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme, parts.hostname, port), target


def message(
    method: str, target: str, host: bytes, headers: Mapping[str, str], body: bytes = b""
) -> bytes:
    """Return the bytes of a request. ValueError where a part of it could smuggle another."""
    head = [f"{method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    if body or method in {"POST", "PUT", "PATCH"}:
        head.append(f"Content-Length: {len(body)}")
    if any("\r" in line or "\n" in line for line in head) or " " in target:
        raise ValueError(f"a line break or space in the request: {head!r}")
    lines = "\r\n".join(head).encode("utf-8")
    host_line = b"" if any(name.lower() == "host" for name in headers) else b"\r\nHost: " + host
    return lines + host_line + b"\r\n\r\n" + body


class Connection:
    """A keep-alive connection to one origin, for one thread.

    A connection that the service closed while it was idle is opened anew before the next request
    is written, so that no request is ever sent twice.
    """

    def __init__(self, origin: Origin, *, timeout_seconds: float, limit_bytes: int) -> None:
        self._origin = origin
        self._timeout_seconds = timeout_seconds
        self._limit_bytes = limit_bytes
        self._socket: socket.socket | None = None

    @property
    def host_header(self) -> bytes:
        """The Host header's value for requests on this connection."""
        return self._origin.host_header

    def exchange(self, request: bytes, *, head: bool = False) -> Response:
        """Send one prepared request and return its answer. Raises TransportError.

        `head` tells that the answer to this request has no body whatever its headers say.
        """
        deadline = time.monotonic() + self._timeout_seconds
        sock = self._open(deadline)
        try:
            _send(sock, request, deadline)
            answer = _Answer(head=head, limit_bytes=self._limit_bytes)
            _receive(sock, answer, deadline)
        except TransportError:
            self.close()
            raise
        except TimeoutError as cause:
            self.close()
            text = f"no whole answer within {self._timeout_seconds:g} s"
            raise TransportError(text, reason="timeout", sent=True) from cause
        except (OSError, ssl.SSLError) as cause:
            self.close()
            raise TransportError(f"connection lost: {cause}", reason="reset", sent=True) from cause
        if not answer.keep_alive:
            self.close()
        return answer.response()

    def close(self) -> None:
        """Close the socket, if one is open. The next exchange opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self, deadline: float) -> socket.socket:
        if self._socket is not None:
            if not _closed_by_peer(self._socket):
                return self._socket
            self.close()
        address = (self._origin.host, self._origin.port)
        try:
            sock = socket.create_connection(address, timeout=_left(deadline))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._origin.scheme == "https":
                context = ssl.create_default_context()
                sock = context.wrap_socket(sock, server_hostname=self._origin.host)
        except OSError as cause:
            reason = "timeout" if isinstance(cause, TimeoutError) else "refused"
            text = f"cannot connect to {self._origin.host}:{self._origin.port}: {cause}"
            raise TransportError(text, reason=reason, sent=False) from cause
        self._socket = sock
        return sock


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


def decompressed(response: Response, limit_bytes: int) -> bytes:
    """Return the body, unpacked where `Content-Encoding` says gzip. Raises TransportError."""
    if response.header("content-encoding").lower() != "gzip":
        return response.body
    return gunzip(response.body, limit_bytes)


def gunzip(data: bytes, limit_bytes: int) -> bytes:
    """Unpack gzip `data` of at most `limit_bytes` unpacked bytes. Raises TransportError."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, limit_bytes + 1)
    except zlib.error as cause:
        raise TransportError(f"damaged gzip: {cause}", reason="malformed", sent=True) from cause
    if len(plain) > limit_bytes:
        text = f"unpacks to more than {limit_bytes} bytes"
        raise TransportError(text, reason="too large", sent=True)
    if not unpacker.eof:
        raise TransportError("truncated gzip", reason="malformed", sent=True)
    if unpacker.unused_data:
        raise TransportError("gzip with more data behind it", reason="malformed", sent=True)
    return plain


class _Answer:
    """Collects one answer through httptools' callbacks.

    What comes behind it belongs to no request: it is dropped, and the connection with it.
    """

    def __init__(self, *, head: bool, limit_bytes: int) -> None:
        self._head = head
        self._limit_bytes = limit_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._size_bytes = 0
        self._status = 0
        self.keep_alive = False
        self.done = False

    def feed(self, data: bytes) -> None:
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            text = f"the answer is longer than {self._limit_bytes} bytes"
            raise TransportError(text, reason="too large", sent=True)
        # Headers cost far more memory than their bytes, and a body may be long.
        if not self._status and self._size_bytes > _HEAD_LIMIT_BYTES:
            text = f"the head of the answer is longer than {_HEAD_LIMIT_BYTES} bytes"
            raise TransportError(text, reason="too large", sent=True)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as cause:
            text = f"the answer is not HTTP/1.1: {cause!r}"
            raise TransportError(text, reason="malformed", sent=True) from cause

    def end_of_stream(self) -> None:
        """Take the peer's close as the end of a body that has no length, else as a fault."""
        lengths = {name for name, _ in self._headers}
        open_ended = not lengths & {"content-length", "transfer-encoding"}
        if not self._status or not open_ended:
            what = "before an answer" if not self._status else "in the middle of its answer"
            text = f"the service closed the connection {what}"
            raise TransportError(text, reason="closed", sent=True)
        self.keep_alive = False
        self.done = True

    def response(self) -> Response:
        return Response(self._status, tuple(self._headers), bytes(self._body))

    def on_message_begin(self) -> None:
        if self.done:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status:  # a trailer, or the head of an answer that nobody asked for
            return
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self.done:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._headers.clear()
            return
        self._status = status
        self.keep_alive = self._parser.should_keep_alive()
        if self._head:
            self.done = True

    def on_body(self, body: bytes) -> None:
        if self.done:
            self.keep_alive = False
            return
        self._body += body

    def on_message_complete(self) -> None:
        if self._status:
            self.done = True


def _send(sock: socket.socket, request: bytes, deadline: float) -> None:
    sock.settimeout(_left(deadline))
    sock.sendall(request)


def _receive(sock: socket.socket, answer: _Answer, deadline: float) -> None:
    while not answer.done:
        sock.settimeout(_left(deadline))
        data = sock.recv(_READ_BYTES)
        if data:
            answer.feed(data)
        else:
            answer.end_of_stream()


def _closed_by_peer(sock: socket.socket) -> bool:
    """Tell whether an idle connection is over: nothing is owed to us, so any news is the end."""
    sock.setblocking(False)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
