"""The misbehaving service `forker`, and the processes that a test's services leave or do not."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_echoleak.services.gobuild import build
from pytest_echoleak.services.processes.process import ProcessInstance, start_process
from pytest_echoleak.services.specs import Binary, GoSource
from pytest_echoleak.transport import fetch
from tests.goapps import app

_READY_SECONDS = 20.0
_GONE_SECONDS = 30.0


@functools.cache
def forker() -> Path:
    """Return the built service."""
    return build(GoSource(path=app("forker"))).path


@contextlib.contextmanager
def running(*args: str, **settings: Any) -> Iterator[ProcessInstance]:
    """Run the service as a local process, and end it."""
    instance = start(*args, **settings)
    try:
        yield instance
    finally:
        instance.stop()


def start(
    *args: str, ready_timeout_seconds: float = _READY_SECONDS, **settings: Any
) -> ProcessInstance:
    """Start the service as a local process."""
    spec = Binary(path=forker(), args=args, **settings)
    return start_process(
        spec, binary=forker(), modules=(), ready_timeout_seconds=ready_timeout_seconds
    )


def get(instance: ProcessInstance, place: str) -> str:
    """Return the body that the service answers."""
    return fetch(instance.endpoints().base_url + place).body.decode()


def processes_with(entry: str) -> list[int]:
    """Return the pids of the processes that have `NAME=value` in their environment."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                if entry.encode() in environment:
                    found.append(int(name))
    return found


def all_gone(entry: str) -> bool:
    """Wait until no process has `entry` in its environment. False where some stay."""
    deadline = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < deadline:
        if not processes_with(entry):
            return True
        time.sleep(0.02)
    return False


def becomes_true(condition: Any) -> bool:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
