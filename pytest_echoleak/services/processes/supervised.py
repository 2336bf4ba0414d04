"""A program that runs under the supervisor: pytest's end of the lifeline."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_echoleak.errors import ServiceError
from pytest_echoleak.services.processes import supervisor, workfolder
from pytest_echoleak.services.processes.logbuffer import RING_BYTES, read_ring
from pytest_echoleak.services.processes.supervisor import Ended, Order

GRACE_SECONDS = 2.0
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_LEAVE_SECONDS = 10.0


class SupervisedProgram:
    """A running program and its private folder. `stop` ends and removes both."""

    def __init__(
        self,
        command: list[str],
        *,
        environment: Mapping[str, str],
        working_folder: Path,
        folder: Path,
    ) -> None:
        """Start `command`. The folder is ours from here on. Raises ServiceError, OSError."""
        self._folder = folder
        self._ring = folder / "log"
        self._buffer = b""
        self._ended: Ended | None = None
        self._lock = threading.RLock()
        self._final_log: str | None = None
        self.pid = 0
        order = Order(
            command=command,
            environment=dict(environment),
            working_folder=str(working_folder),
            folder=str(folder),
            ring_path=str(self._ring),
            ring_bytes=RING_BYTES,
            grace_seconds=GRACE_SECONDS,
            parent=os.getpid(),
        )
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        try:
            self._send(order.to_line())
            self._await_start(command[0])
        except BaseException:
            self.stop()
            raise

    def ended(self) -> Ended | None:
        """Return how the program ended, None while it runs. Cheap: it asks no one."""
        with self._lock:
            if self._ended is None:
                self._next_report(0)
            return self._ended

    def await_end(self, timeout_seconds: float) -> Ended | None:
        """Wait for the program to end, at most so long; return how, or None."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            while self._ended is None and time.monotonic() < deadline:
                self._next_report(deadline - time.monotonic())
            return self._ended

    def log(self) -> str:
        """Return the last of what the program printed."""
        if self._final_log is not None:
            return self._final_log
        return read_ring(self._ring)

    def stop(self) -> None:
        """End the program and all that it started, and remove the folder. May be called twice.

        Raises ServiceError where the kernel would not end some process.
        """
        with self._lock:
            if self._final_log is not None:
                return
            try:
                self._send(b"stop\n")
                ended = self.await_end(_STOP_SECONDS)
            finally:
                # Whatever interrupted the polite way: closing the lifeline ends the service.
                self._final_log = read_ring(self._ring)
                self._leave()
        if ended is not None and ended.left_alive:
            raise ServiceError(
                f"{ended.left_alive} processes of the service could not be ended: "
                "they wait in the kernel, as on a hanging disk or mount."
            )

    def _leave(self) -> None:
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._supervisor.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        if self._supervisor.returncode != 0 or not sys.platform.startswith("linux"):
            # The supervisor could not do its work, or, elsewhere, may not have found every orphan.
            workfolder.remove_folder(self._folder)

    def _await_start(self, program: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            report = self._next_report(deadline - time.monotonic())
            if "started" in report:
                self.pid = report["started"]
                return
            if "failed" in report:
                raise ServiceError(_exec_text(program, report["failed"]))
            if "fault" in report or self._ended is not None:
                break
        raise ServiceError(
            f"The supervisor of {program} could not start: {report.get('fault', 'it ended')}. "
            f"It is run with {sys.executable}."
        )

    def _send(self, data: bytes) -> None:
        pipe = self._supervisor.stdin
        with contextlib.suppress(BrokenPipeError):
            while pipe is not None and data:
                data = data[pipe.write(data) :]

    def _next_report(self, timeout_seconds: float) -> dict[str, Any]:
        """Return the supervisor's next report, {} where there is none in time.

        The end of the stream, without a report of the service's end, is the supervisor's death:
        the kernel has then killed the service, too.
        """
        line, newline, rest = self._buffer.partition(b"\n")
        pipe = self._supervisor.stdout
        if not newline:
            if pipe is None or pipe.closed or not _readable(pipe.fileno(), timeout_seconds):
                return {}
            data = os.read(pipe.fileno(), 65_536)
            if not data:
                self._ended = self._ended or Ended(-signal.SIGKILL, 0)
                return {}
            self._buffer += data
            return self._next_report(0)
        self._buffer = rest
        report: dict[str, Any] = json.loads(line)
        if "ended" in report:
            self._ended = Ended(**report["ended"])
        return report


def _readable(descriptor: int, timeout_seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout_seconds) * 1000))


def _exec_text(program: str, number: int) -> str:
    reasons = {
        errno.ENOENT: "it is not there, or the loader that it names is not",
        errno.EACCES: "it may not be executed: chmod +x, or a mount with noexec",
        errno.ENOEXEC: "it is no program of this system: built for another GOOS or GOARCH?",
    }
    return f"{program} cannot be run: {reasons.get(number) or os.strerror(number)}."
