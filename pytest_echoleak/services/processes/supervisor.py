"""The process between pytest and a local service: it sees to it that nothing outlives pytest.

It runs as a script of its own, with the standard library alone, so that it starts fast. It reads
one line of JSON (`Order`), starts the service, drains what that prints into a ring file, and
reports in lines of JSON on its standard output. Its standard input is its lifeline: "stop" ends
the service politely; the end of the stream, which the kernel brings about however pytest ends,
ends it at once. Then the private folder is removed.

On Linux it is the subreaper of all that the service starts: an orphan, even one with a session of
its own, becomes a child of this process, so "no children left" is proof that nothing is left. And
should this process itself be killed, the kernel kills the service. On other systems the process
table is searched for descendants instead, which finds what still has its parents.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RING_HEADER_BYTES = 8
_ON_LINUX = sys.platform.startswith("linux")
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CHUNK_BYTES = 65_536
_WATCH_SECONDS = 1.0
_KILL_SECONDS = 10.0
_REST_SECONDS = 1.0
_EXEC_FAILED = 127


class Order(NamedTuple):
    """What to run. `folder` is removed at the end; `parent` is the pid whose death ends it all."""

    command: list[str]
    environment: dict[str, str]
    working_folder: str
    folder: str
    ring_path: str
    ring_bytes: int
    grace_seconds: float
    parent: int

    def to_line(self) -> bytes:
        """Return the order as the line that the supervisor reads."""
        return json.dumps(self._asdict()).encode("ascii") + b"\n"


class Ended(NamedTuple):
    """How the service ended: an exit code, or minus the signal, and its peak resident size."""

    code: int
    peak_resident_bytes: int
    left_alive: int = 0


class RingWriter:
    """A file that keeps the last `size_bytes` written; it begins with the count of all of them."""

    def __init__(self, path: str, size_bytes: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._size_bytes = size_bytes
        self._written = 0

    def write(self, data: bytes) -> None:
        """Append `data`, over the oldest there is."""
        kept = data[-self._size_bytes :]
        start = (self._written + len(data) - len(kept)) % self._size_bytes
        first = kept[: self._size_bytes - start]
        os.pwrite(self._file, first, RING_HEADER_BYTES + start)
        os.pwrite(self._file, kept[len(first) :], RING_HEADER_BYTES)
        self._written += len(data)
        os.pwrite(self._file, self._written.to_bytes(RING_HEADER_BYTES, "big"), 0)


class Supervision:
    """One service from its start to the end of its last descendant."""

    def __init__(self, order: Order, lifeline: int) -> None:
        self._order = order
        self._lifeline = lifeline
        self._prctl = _load_prctl()
        self._ring = RingWriter(order.ring_path, order.ring_bytes)
        self._output, self._output_end = os.pipe()
        os.set_blocking(self._output, False)
        self._wakeup, wakeup_end = os.pipe()
        for end in (self._wakeup, wakeup_end):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
        self._service = 0
        self._ending: Ended | None = None
        self._told_to_end = False
        self._seen: set[int] = set()

    def run(self) -> None:
        """Start the service, and return when nothing of it is left."""
        if self._prctl is not None:
            self._prctl(_PR_SET_CHILD_SUBREAPER, 1)
        try:
            self._start()
            self._watch(lambda: self._told_to_end or self._ending is not None)
            if self._ending is None:
                self._end_politely()
        finally:
            left_alive = self._end_all()
        self._drain_rest()
        ending = self._ending or Ended(-signal.SIGKILL, 0)
        report({"ended": ending._replace(left_alive=left_alive)._asdict()})

    def _start(self) -> None:
        failure, failure_end = os.pipe()
        supervisor = os.getpid()
        pid = os.fork()  # In the main thread: a parent-death signal is bound to the forking one.
        if pid == 0:
            self._become_service(failure_end, supervisor)
        os.close(failure_end)
        os.close(self._output_end)
        self._service = pid
        error = os.read(failure, 16)
        os.close(failure)
        if error:
            report({"failed": int(error)})
        else:
            report({"started": pid})

    def _become_service(self, failure_end: int, supervisor: int) -> None:
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in (*_IGNORED, signal.SIGXFSZ, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            if self._prctl is not None:
                self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != supervisor:
                    os._exit(_EXEC_FAILED)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for target, source in enumerate((nothing, self._output_end, self._output_end)):
                os.dup2(source, target)
            os.chdir(self._order.working_folder)
            os.execve(self._order.command[0], self._order.command, self._order.environment)
        except (OSError, ValueError) as error:
            code = getattr(error, "errno", None) or errno.EINVAL
            os.write(failure_end, str(code).encode("ascii"))
        finally:
            os._exit(_EXEC_FAILED)

    def _watch(self, done: Callable[[], bool], timeout_seconds: float | None = None) -> None:
        """Drain the output, hear the lifeline and reap children until `done`, or time is up."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        with _parent_pidfd(self._order.parent) as parent:
            while not done():
                wait = _WATCH_SECONDS
                if deadline is not None:
                    wait = min(wait, deadline - time.monotonic())
                    if wait <= 0:
                        return
                sources = [self._output, self._wakeup, *parent]
                if not self._told_to_end:
                    sources.append(self._lifeline)
                self._handle(select.select([fd for fd in sources if fd >= 0], [], [], wait)[0])
                if os.getppid() != self._order.parent:
                    self._told_to_end = True
                    self._order_kill()

    def _handle(self, ready: list[int]) -> None:
        if self._output in ready and not self._drain():
            os.close(self._output)
            self._output = -1
        if self._wakeup in ready:
            os.read(self._wakeup, _CHUNK_BYTES)
            self._reap()
        if self._lifeline in ready:
            self._told_to_end = True
            if not os.read(self._lifeline, _CHUNK_BYTES):
                self._order_kill()

    def _remember_descendants(self) -> None:
        """Note who descends from us while their parents live (on Linux orphans come to us)."""
        if not _ON_LINUX:
            self._seen |= descendants(os.getpid())

    def _order_kill(self) -> None:
        self._remember_descendants()
        with contextlib.suppress(ProcessLookupError):
            if self._ending is None:
                os.kill(self._service, signal.SIGKILL)

    def _drain(self) -> bool:
        """Move what the service printed to the ring. Return False at the end of the stream."""
        try:
            data = os.read(self._output, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        self._ring.write(data)
        return bool(data)

    def _reap(self) -> bool:
        """Collect the children that ended. Return False where there are no children at all."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._service and self._ending is None:
                unit = 1024 if _ON_LINUX else 1
                code = os.waitstatus_to_exitcode(status)
                self._ending = Ended(code, int(usage.ru_maxrss) * unit)

    def _end_politely(self) -> None:
        self._remember_descendants()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._service, signal.SIGTERM)
        self._watch(lambda: self._ending is not None, self._order.grace_seconds)

    def _end_all(self) -> int:
        """Kill every descendant until none is left. Return how many could not be killed."""
        deadline = time.monotonic() + _KILL_SECONDS
        left: set[int] = set()
        while self._reap() or (not _ON_LINUX and descendants(os.getpid())):
            left = descendants(os.getpid())
            _kill(left)
            if time.monotonic() > deadline:
                return len(left)
            select.select([self._wakeup], [], [], 0.01)
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup, _CHUNK_BYTES)
        _kill(self._seen)
        if not _ON_LINUX:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._service, signal.SIGKILL)
        return 0

    def _drain_rest(self) -> None:
        """Read what is still in the pipe; its last writer is dead, so this ends by itself."""
        deadline = time.monotonic() + _REST_SECONDS
        while self._output >= 0 and time.monotonic() < deadline:
            if not select.select([self._output], [], [], 0)[0]:
                return
            if not self._drain():
                return


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def descendants(ancestor: int) -> set[int]:
    """Return the pids of all that descends from the process `ancestor`."""
    children: dict[int, list[int]] = {}
    for pid, parent in _process_table():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    queue = [ancestor]
    while queue:
        new = [pid for pid in children.get(queue.pop(), ()) if pid not in found]
        found.update(new)
        queue += new
    return found


def report(line: dict[str, object]) -> None:
    """Tell pytest something, if it still listens."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(line).encode("ascii") + b"\n")


def main(folder: str) -> None:
    """Take one order from standard input and see it through. `folder` is removed at the end."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    lifeline = sys.stdin.fileno()
    try:
        line = _read_line(lifeline)
        if line is not None:
            order = Order(**json.loads(line))
            Supervision(order, lifeline).run()
            _wait_for_end(order.parent, lifeline)
    except Exception as error:
        report({"fault": f"{type(error).__name__}: {error}"})
        raise
    finally:
        import shutil  # Late, for a fast start.

        shutil.rmtree(folder, ignore_errors=True)


def _read_line(lifeline: int) -> bytes | None:
    """Return the first line, None where the stream ends before it does."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(lifeline, _CHUNK_BYTES)
        if not data:
            return None
        line += data
    return line


def _wait_for_end(parent: int, lifeline: int) -> None:
    """Keep the folder, and the log in it, for as long as pytest may want to read it."""
    while os.getppid() == parent:
        if select.select([lifeline], [], [], _WATCH_SECONDS)[0] and not os.read(lifeline, 64):
            return


@contextlib.contextmanager
def _parent_pidfd(parent: int) -> Iterator[list[int]]:
    """Give a descriptor that becomes readable when pytest ends, where the kernel has such.

    The lifeline alone does not do: whatever pytest forked without exec holds it open, too.
    """
    try:
        descriptor = os.pidfd_open(parent)
    except (AttributeError, OSError):
        yield []
        return
    try:
        yield [descriptor]
    finally:
        os.close(descriptor)


def _load_prctl() -> Callable[[int, int], int] | None:
    if not _ON_LINUX:
        return None
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda option, value: int(prctl(option, value, 0, 0, 0))


def _process_table() -> Iterator[tuple[int, int]]:
    """Give the pid and the parent's pid of every process."""
    if not _ON_LINUX:
        import subprocess

        command = ["/bin/ps", "-A", "-o", "pid=,ppid="]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as ps:
            table, _ = ps.communicate()
        for line in table.splitlines():
            pid, parent = map(int, line.split())
            if pid != ps.pid:
                yield pid, parent
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                yield int(name), int(file.read().rpartition(b")")[2].split()[1])


if __name__ == "__main__":
    main(sys.argv[1])
