"""What goes over the wire: URLs' parts, requests as bytes, answers, and how an exchange fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


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
    return message_head(method, target, host, headers, len(body)) + body


def message_head(
    method: str, target: str, host: bytes, headers: Mapping[str, str], body_bytes: int
) -> bytes:
    """Return all of a request but its body of `body_bytes` bytes. ValueError as `message`."""
    head = [f"{method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    if body_bytes or method in {"POST", "PUT", "PATCH"}:
        head.append(f"Content-Length: {body_bytes}")
    if any("\r" in line or "\n" in line for line in head) or " " in target:
        raise ValueError(f"a line break or space in the request: {head!r}")
    lines = "\r\n".join(head).encode("utf-8")
    host_line = b"" if any(name.lower() == "host" for name in headers) else b"\r\nHost: " + host
    return lines + host_line + b"\r\n\r\n"
