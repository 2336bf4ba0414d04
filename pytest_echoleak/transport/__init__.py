"""HTTP/1.1 over one socket, with a deadline for each whole exchange and a limit on what is read.

A check must know whether a request was sent, and the driver's speed decides how long it takes:
messages are prepared bytes, written to sockets that never block, and read by httptools' parser.
"""

from pytest_echoleak.transport.channel import Channel
from pytest_echoleak.transport.connection import Connection, fetch
from pytest_echoleak.transport.messages import (
    Origin,
    Response,
    TransportError,
    message,
    message_head,
    split_url,
)
from pytest_echoleak.transport.packing import decompressed, gunzip

__all__ = [
    "Channel",
    "Connection",
    "Origin",
    "Response",
    "TransportError",
    "decompressed",
    "fetch",
    "gunzip",
    "message",
    "message_head",
    "split_url",
]
