"""Bodies that come packed."""

from __future__ import annotations

import zlib

from pytest_echoleak.transport.messages import Response, TransportError


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
