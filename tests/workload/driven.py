"""Workloads driven against a test's own server."""

from __future__ import annotations

import socket
import threading
from typing import Any

from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.workload import to_workload
from tests.misbehaving_server import Server, ok


def run(workload: Any, server: Server, count: int, *, first: int = 1, concurrency: int = 1) -> None:
    with driving(to_workload(workload), lambda: server.url, concurrency) as driver:
        driver.run(first, count)


class Meeting:
    """Answers only when so many requests are in flight at once, and counts the most there were."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def enter(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._barrier.wait(20)
        with self._lock:
            self._now -= 1

    def answer(self, peer: socket.socket, _request: bytes) -> bool:
        self.enter()
        peer.sendall(ok())
        return True
