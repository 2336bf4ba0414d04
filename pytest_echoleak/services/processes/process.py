"""A service as a local process, where there is no Docker engine or none is wanted."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from pytest_echoleak.agent.endpoint import AgentEndpoint, agent_environment, new_token
from pytest_echoleak.errors import ServiceError, SettingError
from pytest_echoleak.services.binaryinfo import read_binary
from pytest_echoleak.services.instance import Endpoints, Module, Runtime
from pytest_echoleak.services.owner import process_started
from pytest_echoleak.services.processes.supervised import SupervisedProgram
from pytest_echoleak.services.processes.supervisor import Ended
from pytest_echoleak.services.processes.workfolder import (
    MARK_VARIABLE,
    lay_out,
    make_folder,
    place_binary,
    remove_leftovers,
)
from pytest_echoleak.services.readiness import wait_until_ready
from pytest_echoleak.services.settings import (
    agents_profile_rate,
    pprof_port,
    pprof_url,
    resolve_environment,
)
from pytest_echoleak.services.specs import Binary, GoSource, describe
from pytest_echoleak.text import with_log

_LOOPBACK = "127.0.0.1"
_START_TRIES = 3
_REPORT_SECONDS = 5.0


def start_process(
    spec: GoSource | Binary,
    *,
    binary: Path,
    modules: tuple[Module, ...],
    ready_timeout_seconds: float,
    agent: bool = False,
    note: str = "",
) -> ProcessInstance:
    """Start `binary` as a local process on a free port of 127.0.0.1; return it when it is ready.

    It gets this process's environment with the spec's on top, and a private working folder. What
    killed pytests left is removed first. `agent`: it was built with the agent; `note`: what must be
    said of how it was built. Raises ServiceError, SettingError.
    """
    if os.name != "posix":
        raise SettingError("A local process needs Linux or macOS: use runtime=docker.")
    remove_leftovers()
    instance = ProcessInstance(
        spec,
        binary=binary,
        modules=modules,
        ready_timeout_seconds=ready_timeout_seconds,
        agent=agent,
        note=note,
    )
    try:
        instance.start()
    except BaseException:
        instance.stop()
        raise
    return instance


class ProcessInstance:
    """A Go service that runs as a local process, under a supervisor that ends it with pytest."""

    def __init__(
        self,
        spec: GoSource | Binary,
        *,
        binary: Path,
        modules: tuple[Module, ...],
        ready_timeout_seconds: float,
        agent: bool,
        note: str,
    ) -> None:
        self._spec = spec
        self._note = note
        self._agent_token = new_token() if agent else None
        self._agent_port = _ReservedPort()
        self._binary = binary.resolve()
        self._modules = modules
        self._go_version = read_binary(self._binary).go_version
        self._ready_timeout_seconds = ready_timeout_seconds
        self._port = _ReservedPort()
        self._program: SupervisedProgram | None = None
        self._started = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return describe(self._spec)

    @property
    def runtime(self) -> Runtime:
        """How it runs."""
        return "process"

    @property
    def modules(self) -> tuple[Module, ...]:
        """The user's own modules."""
        return self._modules

    @property
    def go_version(self) -> str:
        """The toolchain that built it."""
        return self._go_version

    @property
    def note(self) -> str:
        """What must be said of how it was built."""
        return self._note

    @property
    def memory_limit_bytes(self) -> int | None:
        """None: a local process has no limit of ours."""
        return None

    @property
    def pid(self) -> int:
        """The service's process id, 0 where none was started."""
        return self._program.pid if self._program else 0

    def endpoints(self) -> Endpoints:
        """Return where it is reached now."""
        base_url = f"http://{_LOOPBACK}:{self._port.number}"
        headers = dict(self._spec.headers)
        return Endpoints(base_url, pprof_url(self._spec, base_url), headers, self._agent())

    def identity(self) -> str:
        """Return its pid and start time. Raises ServiceError where it has ended."""
        program = self._program
        if program is not None and program.ended() is None:
            if process_started(program.pid) == self._started:
                return f"{program.pid}:{self._started}"
            program.await_end(_REPORT_SECONDS)
        raise ServiceError(with_log(f"{self.name} ended: {self.ending()}.", self.logs()))

    def ending(self) -> str | None:
        """Return how it ended, None while it runs."""
        if self._program is None:
            return "it was not started"
        ended = self._program.ended()
        return None if ended is None else _ending_text(ended)

    def logs(self) -> str:
        """Return the last of what it printed to its standard output and error."""
        return self._program.log() if self._program else ""

    def program_file(self, folder: Path) -> Path | None:  # noqa: ARG002
        """Return the program: it lies where it was built."""
        return self._binary

    def restart(self) -> None:
        """End it and start it anew, with a fresh working folder, on the same port if that is free.

        Raises ServiceError; nothing runs then.
        """
        if self._program is not None:
            self._program.stop()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and remove all that is left of it. May be called twice."""
        try:
            if self._program is not None:
                self._program.stop()
        finally:
            self._port.release()
            self._agent_port.release()

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises ServiceError, SettingError."""
        for remaining in reversed(range(_START_TRIES)):
            self._port.reserve()
            if self._agent_token is not None:
                self._agent_port.reserve()
            self._begin()
            try:
                wait_until_ready(self, self._spec, timeout_seconds=self._ready_timeout_seconds)
                return
            except ServiceError:
                if not remaining or not self._lost_its_port():
                    raise
            if self._program is not None:
                self._program.stop()
            self._port.release()

    def _begin(self) -> None:
        self._require_pprof_port()
        folder = make_folder()
        try:
            working = lay_out(self._spec, folder)
            binary = place_binary(self._binary, working)
            environment, args = self._environment(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._program = SupervisedProgram(
            [str(binary), *args], environment=environment, working_folder=working, folder=folder
        )
        self._started = process_started(self._program.pid) or ""

    def _environment(self, folder: Path) -> tuple[dict[str, str], list[str]]:
        port = self._port.number
        resolved, args = resolve_environment(
            self._spec,
            port=port,
            addr=f"{_LOOPBACK}:{port}",
            host=_LOOPBACK,
            inherited_godebug=os.environ.get("GODEBUG", ""),
            exact_from_start=self._agent_token is None,
        )
        if self._agent_token is not None:
            address = f"{_LOOPBACK}:{self._agent_port.number}"
            resolved |= agent_environment(address, self._agent_token)
        own = {"TMPDIR": str(folder / "tmp"), MARK_VARIABLE: folder.name}
        return {**os.environ, **own, **resolved}, args

    def _agent(self) -> AgentEndpoint | None:
        if self._agent_token is None:
            return None
        rate = agents_profile_rate(self._spec, os.environ.get("GODEBUG", ""))
        return AgentEndpoint(_LOOPBACK, self._agent_port.number, self._agent_token, rate)

    def _require_pprof_port(self) -> None:
        port = pprof_port(self._spec)
        if port is not None and not _is_free(port):
            raise ServiceError(
                f"{self.name} has its pprof on port {port}, which something else uses on "
                f"{_LOOPBACK}. Only one such process can run at a time: end the other one, let "
                'the service serve pprof on its main port (pprof="/debug/pprof"), or run it in '
                "Docker, where each container has ports of its own."
            )

    def _lost_its_port(self) -> bool:
        log = self.logs()
        return "address already in use" in log and f":{self._port.number}" in log


class _ReservedPort:
    """A free port, kept free for the service where the system lets us.

    On Linux a socket that is bound but does not listen keeps the port from being given to others,
    while a service that sets SO_REUSEADDR, as every Go program does, can listen on it. Elsewhere
    that would be a conflict: there the port can be lost, and the start is tried again.
    """

    def __init__(self) -> None:
        self.number = 0
        self._socket: socket.socket | None = None

    def reserve(self) -> None:
        """Take a free port: the last one again, if there was one and it is free."""
        if self._socket is not None:
            return
        if self.number and self._bind(self.number):
            return
        self._bind(0)

    def release(self) -> None:
        """Let go of the port. `number` stays, as the wish for the next one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bind(self, number: int) -> bool:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((_LOOPBACK, number))
            self.number = sock.getsockname()[1]
        except OSError:
            sock.close()
            if not number:
                raise
            return False
        self._socket = sock
        if not sys.platform.startswith("linux"):
            self.release()
        return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_LOOPBACK, port))
            sock.listen()
        except PermissionError:
            return True
        except OSError:
            return False
        return True


def _ending_text(ended: Ended) -> str:
    if ended.code >= 0:
        return f"exit code {ended.code}"
    number = -ended.code
    try:
        text = f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        text = f"signal {number}"
    if number == signal.SIGKILL and ended.peak_resident_bytes:
        text += f", largest resident size {ended.peak_resident_bytes / 1_000_000:,.0f} MB"
    return text
