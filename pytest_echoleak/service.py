"""A started service as tests use it, and the pool that shares one among equal specs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from pytest_echoleak.heap_dumps import HeapDump, HeapDumps
from pytest_echoleak.services.instance import Instance
from pytest_echoleak.services.launch import Launched, Launcher, RuntimeChoice
from pytest_echoleak.services.specs import Running, Spec, StrPath
from pytest_echoleak.snapshots.agent import AgentSource
from pytest_echoleak.snapshots.pprof_http import PprofSource
from pytest_echoleak.snapshots.snapshot import Snapshot, SnapshotSource

READY_TIMEOUT_SECONDS = 60.0


class EchoService:
    """A Go service that runs: what the `echo_service` fixture and `start` give.

    `spec` is what it was started from, `why` one sentence on how it runs and why so; `self_tested`
    tells that planted leaks were seen in it, `proved` that goroutines were proved unreachable, and
    `leaked` which workloads, by their labels, were seen to leak since it started.
    """

    def __init__(self, spec: Spec, launched: Launched) -> None:
        self.spec = spec
        self.why = launched.why
        self.instance: Instance = launched.instance
        self.self_tested = False
        self.proved = False
        self.leaked: set[str] = set()
        self.source: SnapshotSource = snapshot_source(launched.instance)
        self._dumps = HeapDumps(launched.instance)
        self._sessions = threading.local()
        self._opened: list[requests.Session] = []
        self._lock = threading.Lock()
        self._next_number = 1

    @property
    def has_agent(self) -> bool:
        """Whether the agent is in the service: exact sites, holders, no pprof needed."""
        return self.instance.endpoints().agent is not None

    @property
    def base_url(self) -> str:
        """Its URL, without a slash at the end. Live: a restart may change the port."""
        return self.instance.endpoints().base_url

    def session(self) -> requests.Session:
        """Return this thread's `requests.Session`, to which a path alone will do as URL.

        It takes nothing from the environment: no proxy, no .netrc.
        """
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = _Session(self)
            self._sessions.session = session
            with self._lock:
                self._opened.append(session)
        return session

    def snapshot(self) -> Snapshot:
        """Take a settled snapshot. Raises SnapshotError, ServiceError."""
        self.close_sessions_connections()
        return self.source.take()

    def heap_dump(self, path: StrPath | None = None) -> HeapDump:
        """Take a heap dump, after garbage collections. The service stands still meanwhile.

        It is raw memory with all secrets in it: a file that this user alone can read. Without a
        `path` it is deleted when the service is stopped. Raises SnapshotError where the service has
        no agent, where its Go cannot dump it any more, or where the dump was cut short.
        """
        self.close_sessions_connections()
        return self._dumps.take(path)

    def program(self) -> Path | None:
        """Return the file of the program that runs, None where none is to be had.

        Raises EngineError, OSError.
        """
        return self._dumps.program()

    def logs(self) -> str:
        """Return the last of what the service printed, as it printed it."""
        return self.instance.logs()

    def restart(self) -> None:
        """End the service and start it anew, ready again when this returns."""
        self.close_sessions_connections()
        self.instance.restart()
        self.source.prepare()
        self.proved = False
        self.leaked.clear()

    def stop(self) -> None:
        """End the service and remove all that is left of it."""
        self.close_sessions_connections()
        try:
            self._dumps.close()
        finally:
            self.instance.stop()

    def take_numbers(self, count: int) -> int:
        """Return the first of `count` numbers that no request to this service has had."""
        with self._lock:
            if isinstance(self.spec, Running):
                # Others number their requests to it too, one check at a time. Nobody sends one a
                # microsecond, so the clock is ahead of all numbers that were given.
                self._next_number = max(self._next_number, time.time_ns() // 1000)
            first = self._next_number
            self._next_number += count
        return first

    def close_sessions_connections(self) -> None:
        """Close the idle connections of all sessions: each is a goroutine in a snapshot."""
        with self._lock:
            for session in self._opened:
                session.close()


class EchoServices:
    """The services of one session: equal specs share one."""

    def __init__(
        self,
        runtime: RuntimeChoice = "auto",
        ready_timeout_seconds: float = READY_TIMEOUT_SECONDS,
    ) -> None:
        self._runtime = runtime
        self._ready_timeout_seconds = ready_timeout_seconds
        self._launcher = Launcher()
        self._shared: dict[str, EchoService] = {}
        self._fresh: list[EchoService] = []

    def get(self, spec: Spec) -> EchoService:
        """Return the service of `spec`, started at the first call, and anew where it has ended.

        Raises the errors of starting a service: BuildError, EngineError, ServiceError, ...
        """
        key = spec.key()
        service = self._shared.get(key)
        if service is not None and service.instance.ending() is not None:
            self._shared.pop(key).stop()
            service = None
        if service is None:
            service = self._shared[key] = self._launch(spec)
        return service

    def fresh(self, spec: Spec) -> EchoService:
        """Start a service of `spec` that nobody else uses. Its caller stops it."""
        service = self._launch(spec)
        self._fresh.append(service)
        return service

    def close(self) -> None:
        """Stop all services and close what they were started with."""
        with ExitStack() as stack:
            stack.callback(self._launcher.close)
            for service in (*self._shared.values(), *self._fresh):
                stack.callback(service.stop)
            self._shared.clear()
            self._fresh.clear()

    def _launch(self, spec: Spec) -> EchoService:
        launched = self._launcher.launch(
            spec, runtime=self._runtime, ready_timeout_seconds=self._ready_timeout_seconds
        )
        service = EchoService(spec, launched)
        try:
            service.source.prepare()
        except BaseException:
            service.stop()
            raise
        return service


@contextmanager
def start(
    spec: Spec,
    *,
    runtime: RuntimeChoice = "auto",
    ready_timeout_seconds: float = READY_TIMEOUT_SECONDS,
) -> Iterator[EchoService]:
    """Start a service without pytest: `with start(GoSource("shop")) as service:`.

    Raises the errors of starting a service: BuildError, EngineError, ServiceError, ...
    """
    services = EchoServices(runtime, ready_timeout_seconds)
    try:
        yield services.get(spec)
    finally:
        services.close()


def snapshot_source(instance: Instance) -> SnapshotSource:
    """Return where snapshots of a service come from: its agent where it has one, else its pprof."""
    return AgentSource(instance) if instance.endpoints().agent else PprofSource(instance)


class _Session(requests.Session):
    def __init__(self, service: EchoService) -> None:
        super().__init__()
        self.trust_env = False
        self._service = service

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        base_url = self._service.base_url + "/"
        full = url if "://" in str(url) else urljoin(base_url, str(url).lstrip("/"))
        return super().request(method, full, *args, **kwargs)
