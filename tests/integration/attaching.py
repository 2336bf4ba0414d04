"""A Go service that a test starts itself, so that the plugin can be attached to it."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pytest_echoleak import GoSource
from pytest_echoleak.services.gobuild import build
from tests.goapps import app


@functools.cache
def built(name: str) -> Path:
    """Return the service `name`, built."""
    return build(GoSource(app(name))).path


class OwnService:
    """A local process on a port that stays the same when it is started anew."""

    def __init__(self, name: str, godebug: str) -> None:
        self._binary = built(name)
        self._port = free_port()
        self._environment = {**os.environ, "ADDR": f"127.0.0.1:{self._port}", "GODEBUG": godebug}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(self._binary)], env=self._environment, stderr=subprocess.DEVNULL
        )

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.end()
        self.start()


@contextlib.contextmanager
def running_process(name: str, godebug: str = "") -> Iterator[OwnService]:
    """Run the service `name` as someone else would: nothing of the plugin is in it."""
    service = OwnService(name, godebug)
    service.start()
    try:
        yield service
    finally:
        service.end()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
