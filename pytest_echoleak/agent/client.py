"""The agent's protocol: a token, then commands, each answered at once. Little-endian throughout.

A command is a length (32 bits) and so many bytes of words; an answer a byte (1: done), a length (32
bits) and so many bytes. Numbers in answers have 64 bits, a text is a length and so many bytes of
UTF-8. What each answer holds is written beside the command in agent.go.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pytest_echoleak.agent.endpoint import AgentEndpoint
from pytest_echoleak.pprof.frames import Frame, Stack

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
_ANSWER_LIMIT_BYTES = 256 << 20
_SITES_PER_COMMAND = 2_000
_VERSION = 1
_HEAD = struct.Struct("<BI")
_SNAPSHOT = struct.Struct("<10q")
_DUMP_HEADER = b"go1.7 heap dump\n"
# The last record of a dump is a zero; the agent adds the rest when the runtime has returned.
_DUMP_END = b"\0echoleak: the dump ends here\n"
_DUMP_CHUNK_BYTES = 1 << 20

DUMP_LIMIT_BYTES = 8 << 30
DUMP_SECONDS = 300.0


class AgentError(Exception):
    """The agent cannot be reached, refused a command, or answered with what cannot be read."""


class AgentRefusalError(AgentError):
    """The agent understood a command and cannot do it: this program has no such profile.

    `why` is its reason, without the command.
    """

    def __init__(self, command: str, why: str) -> None:
        super().__init__(f"{command!r}: {why}")
        self.why = why


@dataclass(frozen=True)
class AgentSnapshot:
    """One settled snapshot, as the agent tells it.

    - `generation`: to be named in the next command; `partial`: `heap` holds only what changed since
      the generation that this command named.
    - `profile_rate_bytes`: the heap profile's rate in force.
    - `mallocs`: objects ever allocated, without what earlier snapshots allocated.
    - `goroutine_count`: without the agent's own.
    - `heap`: (site, live objects, bytes in them); `goroutines`: (site, goroutines).
    """

    generation: int
    partial: bool
    profile_rate_bytes: int
    heap_objects: int
    heap_bytes: int
    mallocs: int
    num_gc: int
    goroutine_count: int
    at_rest: bool
    gcs: int
    heap: Sequence[tuple[int, int, int]]
    goroutines: Sequence[tuple[int, int]]


class AgentClient:
    """One connection to an agent. Every method raises AgentError."""

    def __init__(self, endpoint: AgentEndpoint) -> None:
        self._endpoint = endpoint
        address = (endpoint.host, endpoint.port)
        try:
            self._socket = socket.create_connection(address, timeout=_CONNECT_SECONDS)
        except OSError as cause:
            raise AgentError(f"nothing listens at {endpoint.host}:{endpoint.port}") from cause
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(f"{endpoint.token}\n".encode())
        except OSError as cause:
            self.close()
            raise AgentError(f"the connection was lost: {cause}") from cause

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def hello(self) -> str:
        """Return the version of Go that the service runs on; make sure that we understand it."""
        reader = _Reader(self._ask("hello"))
        version, protocol = reader.text(), reader.number()
        if protocol != _VERSION:
            raise AgentError(f"it speaks version {protocol} of the protocol, not {_VERSION}")
        return version

    def set_profile_rate(self, rate_bytes: int) -> None:
        """Set the heap profile's rate: 1 records every object from now on."""
        self._ask(f"rate {rate_bytes}")

    def snapshot(
        self, generation: int, goroutines: int, *, quiet_seconds: float, limit_seconds: float
    ) -> AgentSnapshot:
        """Take a snapshot once there are at most so many `goroutines` (-1: not known).

        Or once their number stayed the same for `quiet_seconds`, or after `limit_seconds`.
        """
        quiet, limit = round(1000 * quiet_seconds), round(1000 * limit_seconds)
        answer = self._ask(f"snapshot {generation} {goroutines} {quiet} {limit}", limit_seconds)
        return _snapshot(answer)

    def stacks(self, sites: Iterable[int]) -> dict[int, Stack]:
        """Return the stacks of `sites`, down to runtime.goexit unless cut at 32 frames."""
        wanted, result = list(sites), dict[int, Stack]()
        for start in range(0, len(wanted), _SITES_PER_COMMAND):
            some = wanted[start : start + _SITES_PER_COMMAND]
            answer = self._ask("stacks " + " ".join(map(str, some)))
            result.update(zip(some, _stacks(answer, len(some)), strict=True))
        return result

    def profile(self, name: str) -> bytes:
        """Return a profile of runtime/pprof as protobuf. AgentRefusalError where there is none."""
        return self._ask(f"profile {name}")

    def program(self) -> str:
        """Return the path of the running program, as the service sees it."""
        return _Reader(self._ask("program")).text()

    def plant(self, objects: int, object_bytes: int, goroutines: int) -> None:
        """Plant known leaks for a self-test: objects, and goroutines that wait for ever.

        What was planted stays, until a call with no objects and no goroutines takes it away.
        """
        self._ask(f"plant {objects} {object_bytes} {goroutines}")

    def dump(
        self,
        path: Path,
        *,
        limit_bytes: int = DUMP_LIMIT_BYTES,
        limit_seconds: float = DUMP_SECONDS,
    ) -> int:
        """Stream a heap dump into the file `path`, and return its size in bytes.

        The file is made so that this user alone can read it, and removed where the dump is cut
        short, no dump, or beyond a limit. The service stands still until all is sent. Nothing else
        can be asked on this connection. AgentRefusalError where a dump would end the process.
        """
        deadline = time.monotonic() + limit_seconds
        self._ask("dump")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            path.unlink(missing_ok=True)
            with open(os.open(path, flags, 0o600), "wb") as file:
                return self._receive_dump(file, limit_bytes, deadline)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise AgentError(f"no heap dump: {error}") from error
            raise
        finally:
            self.close()

    def _receive_dump(self, file: BinaryIO, limit_bytes: int, deadline: float) -> int:
        size, first, last = 0, b"", b""
        while more := self._receive_some(_DUMP_CHUNK_BYTES, deadline):
            size += len(more)
            if size > limit_bytes:
                raise AgentError(f"the heap dump is larger than the limit of {limit_bytes:,} bytes")
            first += more[: len(_DUMP_HEADER) - len(first)]
            if not _DUMP_HEADER.startswith(first):
                raise AgentError("what it sent is no heap dump")
            last = (last + more[-len(_DUMP_END) :])[-len(_DUMP_END) :]
            file.write(more)
        if last != _DUMP_END:
            raise AgentError(f"the heap dump was cut short, after {size:,} bytes")
        size -= len(_DUMP_END) - 1
        file.truncate(size)
        return size

    def _ask(self, command: str, extra_seconds: float = 0.0) -> bytes:
        data = command.encode()
        deadline = time.monotonic() + _ANSWER_SECONDS + extra_seconds
        try:
            self._socket.settimeout(_ANSWER_SECONDS)
            self._socket.sendall(struct.pack("<I", len(data)) + data)
            done, size = _HEAD.unpack(self._receive(_HEAD.size, deadline))
            if size > _ANSWER_LIMIT_BYTES:
                raise AgentError(f"it announced an answer of {size:,} bytes")
            answer = self._receive(size, deadline)
        except OSError as cause:
            raise AgentError(f"no answer to {command.split()[0]!r}: {cause}") from cause
        if done != 1:
            text = answer[:200].decode("utf-8", "replace")
            raise AgentRefusalError(command.split()[0], text)
        return answer

    def _receive(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self._receive_some(min(size - len(data), 1 << 20), deadline)
            if not more:
                raise AgentError("it closed the connection: is the token right, and does it run?")
            data += more
        return bytes(data)

    def _receive_some(self, limit: int, deadline: float) -> bytes:
        """Return the next bytes, at most `limit`; none at the end of the connection."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._socket.recv(limit)


class _Reader:
    """Reads one answer, and believes none of its lengths."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self) -> int:
        return self.numbers(1)[0]

    def numbers(self, count: int) -> tuple[int, ...]:
        chunk = self.bytes(8 * count if 0 <= count <= len(self._data) else -1)
        return struct.unpack(f"<{count}q", chunk)

    def text(self) -> str:
        return self.bytes(self.number()).decode("utf-8", "replace")

    def bytes(self, size: int) -> bytes:
        end = self._place + size
        if size < 0 or end > len(self._data):
            raise AgentError("its answer is damaged: it ends too early")
        chunk = self._data[self._place : end]
        self._place = end
        return chunk


def _snapshot(answer: bytes) -> AgentSnapshot:
    reader = _Reader(answer)
    generation, partial, rate, objects, size, mallocs, gcs, count, rested, forced = (
        _SNAPSHOT.unpack(reader.bytes(_SNAPSHOT.size))
    )
    return AgentSnapshot(
        generation=generation,
        partial=bool(partial),
        profile_rate_bytes=rate,
        heap_objects=objects,
        heap_bytes=size,
        mallocs=mallocs,
        num_gc=gcs,
        goroutine_count=count,
        at_rest=bool(rested),
        gcs=forced,
        heap=list(struct.iter_unpack("<3q", reader.bytes(24 * reader.number()))),
        goroutines=list(struct.iter_unpack("<2q", reader.bytes(16 * reader.number()))),
    )


def _stacks(answer: bytes, count: int) -> list[Stack]:
    reader = _Reader(answer)
    frames = [Frame(reader.text(), reader.text(), reader.number()) for _ in range(reader.number())]
    try:
        return [
            tuple(frames[number] for number in reader.numbers(reader.number()))
            for _ in range(count)
        ]
    except IndexError as cause:
        raise AgentError("its answer is damaged: it names a frame that is not there") from cause
