"""A service in a container of its own, as an Instance: limited, labelled, removed at the end."""

from __future__ import annotations

import contextlib
import signal
import time
import uuid
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_echoleak.agent.client import AgentClient, AgentError
from pytest_echoleak.agent.endpoint import AgentEndpoint, new_token
from pytest_echoleak.errors import EngineError, ServiceError
from pytest_echoleak.services.binaryinfo import without_experiments
from pytest_echoleak.services.containers.creation import (
    AgentPlace,
    agent_port,
    creation_arguments,
    memory_bytes,
)
from pytest_echoleak.services.containers.engine import (
    Engine,
    connect,
    engine_errors,
    explanation,
)
from pytest_echoleak.services.containers.listeners import container_listeners, unreachable_reason
from pytest_echoleak.services.containers.places import place_of
from pytest_echoleak.services.containers.recipe import (
    Program,
    Recipe,
    prepare,
    program_of,
    read_file,
    read_program,
)
from pytest_echoleak.services.containers.sweep import sweep
from pytest_echoleak.services.instance import Endpoints, Module, Runtime
from pytest_echoleak.services.processes.workfolder import remove_leftovers
from pytest_echoleak.services.readiness import wait_until_ready
from pytest_echoleak.services.settings import (
    agents_profile_rate,
    pprof_port,
    pprof_url,
)
from pytest_echoleak.services.specs import Startable, describe
from pytest_echoleak.text import printable_line, with_log

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG_LINES = 500
_LOG_CHARS = 300_000
_STOP_SECONDS = 5
_PUBLISH_SECONDS = 10.0
_CREATED_LATE_SECONDS = 1.0
_SIGNAL_BASE = 128
# The engine may learn that it was for memory a while after it learns of the end.
_OOM_SECONDS = 3.0


def start_container(
    spec: Startable, *, ready_timeout_seconds: float, engine: Engine | None = None
) -> ContainerInstance:
    """Start the service in a container and return it once it is ready.

    Containers that a killed pytest left on the engine are removed first. The instance takes the
    `engine` over and closes it at its end. Raises SettingError, EngineError, BuildError and
    ServiceError; then, as on an interrupt, nothing is left behind.
    """
    engine = engine or connect()
    try:
        limit_bytes = memory_bytes(spec.memory)
        pprof_port(spec)
        remove_leftovers()
        sweep(engine)
        try:
            recipe = prepare(engine, spec)
            return _started(engine, spec, recipe, limit_bytes, ready_timeout_seconds)
        except EngineError as error:
            if not _is_image_missing(error):
                raise
        # Another pytest pruned the image just before its first container: it is made anew.
        recipe = prepare(engine, spec)
        return _started(engine, spec, recipe, limit_bytes, ready_timeout_seconds)
    except BaseException:
        engine.close()
        raise


def _started(
    engine: Engine, spec: Startable, recipe: Recipe, limit_bytes: int, ready_timeout_seconds: float
) -> ContainerInstance:
    instance = ContainerInstance(engine, spec, recipe, limit_bytes, ready_timeout_seconds)
    try:
        instance.start()
    except BaseException:
        instance.stop()
        raise
    return instance


def _is_image_missing(error: EngineError) -> bool:
    import docker.errors

    return isinstance(error.__cause__, docker.errors.ImageNotFound)


class ContainerInstance:
    """An Instance (see instance.py) in a container. Made by `start_container`."""

    def __init__(
        self,
        engine: Engine,
        spec: Startable,
        recipe: Recipe,
        memory_limit_bytes: int,
        ready_timeout_seconds: float,
    ) -> None:
        self._engine = engine
        self._spec = spec
        self._recipe = recipe
        self._memory_limit_bytes = memory_limit_bytes
        self._ready_timeout_seconds = ready_timeout_seconds
        # A name of our own finds the container even where an interrupt hides its id from us.
        self._container = f"echoleak-{uuid.uuid4().hex[:16]}"
        self._create_answered = False
        self._program = recipe.program or Program()
        self._note = recipe.note
        self._agent_token = new_token() if recipe.agent else None
        self._agent_port = 0
        self._endpoints: Endpoints | None = None
        self._stopped = False
        self._seen_killed_at: float | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return describe(self._spec)

    @property
    def runtime(self) -> Runtime:
        """How it runs."""
        return "docker"

    @property
    def modules(self) -> tuple[Module, ...]:
        """The user's own modules."""
        return self._program.modules

    @property
    def go_version(self) -> str:
        """The toolchain that built it, "" where the program does not tell."""
        return self._program.go_version

    @property
    def note(self) -> str:
        """What must be said of how it was built."""
        return self._note

    @property
    def memory_limit_bytes(self) -> int | None:
        """The container's memory limit."""
        return self._memory_limit_bytes

    def start(self) -> None:
        """Create the container, start it, and wait until the service is ready.

        Where the image was built with the agent, that is in whatever Go program serves; where it is
        not, the service is started anew without.
        """
        self._create()
        if self._recipe.program is None:
            self._program = program_of(read_program(self._engine, self._container, self._recipe))
        self._run("start")
        if not self._program.agent:
            self._meet_agent()

    def _create(self) -> None:
        agent = None
        if self._agent_token is not None:
            self._agent_port = agent_port(self._spec)
            agent = AgentPlace(self._agent_port, self._agent_token)
        arguments = creation_arguments(self._spec, self._recipe, self._engine.reach, agent)
        self._create_answered = False
        with engine_errors(self._engine.host, f"create a container for {self.name}"):
            self._engine.client.containers.create(
                self._recipe.image_id, name=self._container, **arguments
            )
        self._create_answered = True
        self._join_our_network()

    def _meet_agent(self) -> None:
        """Ask for the agent behind the first program, a script or a wrapper such as gosu."""
        endpoint = self.endpoints().agent
        if endpoint is None:
            return
        try:
            with AgentClient(endpoint) as client:
                go_version = client.hello()
        except AgentError:
            self._do_without_agent()
            self._run("start")
        else:
            program = program_of(self._running_program())
            known = program.go_version or without_experiments(go_version)
            self._program = replace(program, agent=True, go_version=known)

    def _do_without_agent(self) -> None:
        self._agent_token = None
        self._note = (
            "built without the agent: the go command of its PATH built nothing that its entrypoint"
            " starts"
        )
        self._engine.remove_container(self._container)
        self._create()

    def endpoints(self) -> Endpoints:
        """Return where it is reached now; a restart may change the port."""
        if self._endpoints is None:
            raise ServiceError(f"{self.name} has not been started.")
        return self._endpoints

    def identity(self) -> str:
        """Return the container's id, its start and its pid. Raises ServiceError where it ended."""
        found = self._inspect()
        ended = self._ending_of(found)
        if found is None or ended is not None:
            raise ServiceError(with_log(f"{self.name} ended: {ended}.", self.logs()))
        state = found["State"]
        return f"{found['Id'][:12]} {state['StartedAt']} {state['Pid']}"

    def ending(self) -> str | None:
        """Return how it ended, None while it runs."""
        return self._ending_of(self._inspect())

    def logs(self) -> str:
        """Return the last of what it printed."""
        if self._stopped:
            return ""
        try:
            with engine_errors(self._engine.host, "read the log"):
                log: bytes = self._engine.client.api.logs(self._container, tail=_LOG_LINES)
        except EngineError as error:
            return f"(no log: {error})"
        return log.decode("utf-8", "replace")[-_LOG_CHARS:]

    def program_file(self, folder: Path) -> Path | None:
        """Return the program: where it was built, or as a copy out of the container."""
        if self._program.file is not None:
            return self._program.file
        copy = folder / "program"
        if not copy.exists():
            content = self._running_program()
            if content is None:
                return None
            draft = folder / "program.draft"
            draft.write_bytes(content)
            draft.replace(copy)
        return copy

    def restart(self) -> None:
        """End the service and start it anew in the same container: writable folders are kept."""
        self._endpoints = None
        self._run("restart")

    def stop(self) -> None:
        """Remove the container with its volumes. May be called twice."""
        if self._stopped:
            return
        try:
            removed = self._engine.remove_container(self._container)
            deadline = time.monotonic() + _CREATED_LATE_SECONDS
            # Interrupted while the engine was asked to create it: it may yet come into being.
            while not removed and not self._create_answered and time.monotonic() < deadline:
                time.sleep(0.05)
                removed = self._engine.remove_container(self._container)
        finally:
            self._stopped = True
            self._engine.close()

    def unreachable_reason(self, port: int) -> str | None:
        """Return why nothing outside reaches a port of the container; None where unknown."""
        found = self._inspect()
        if found is None or not found["State"]["Running"]:
            return None
        listeners = container_listeners(found["Id"], found["State"]["Pid"])
        return None if listeners is None else unreachable_reason(listeners, port)

    def _running_program(self) -> bytes | None:
        """Return the bytes of the program that runs: its agent knows it, behind any script."""
        endpoint = self.endpoints().agent
        if endpoint is not None:
            with contextlib.suppress(AgentError), AgentClient(endpoint) as client:
                place = PurePosixPath(client.program())
                return read_file(self._engine, self._container, place)
        return read_program(self._engine, self._container, self._recipe)

    def _run(self, action: str) -> None:
        api = self._engine.client.api
        try:
            with engine_errors(self._engine.host, f"{action} the container of {self.name}"):
                if action == "start":
                    api.start(self._container)
                else:
                    api.restart(self._container, timeout=_STOP_SECONDS)
        except EngineError as error:
            said = printable_line(explanation(error.__cause__ or error), 500)
            raise ServiceError(
                f"{self.name}: the engine could not {action} its container: {said}. Is its program"
                " there, executable, and built for the engine's platform?"
            ) from error
        self._seen_killed_at = None
        self._endpoints = self._located()
        try:
            wait_until_ready(self, self._spec, timeout_seconds=self._ready_timeout_seconds)
        except ServiceError as error:
            reason = self.unreachable_reason(self._spec.port)
            if reason is None:
                raise
            raise ServiceError(f"{self.name} is not reached: {reason}.\n\n{error}") from error

    def _located(self) -> Endpoints:
        """Return the endpoints once the engine has given the container its ports."""
        wanted = [self._spec.port]
        own_port = pprof_port(self._spec)
        wanted += [own_port] if own_port is not None else []
        wanted += [self._agent_port] if self._agent_token is not None else []
        deadline = time.monotonic() + _PUBLISH_SECONDS
        while True:
            found = self._inspect()
            ended = self._ending_of(found)
            if found is None or ended is not None:
                raise ServiceError(
                    with_log(f"{self.name} ended before it was ready: {ended}.", self.logs())
                )
            places = [place_of(found, self._engine.reach, port) for port in wanted]
            known = [place for place in places if place is not None]
            if len(known) == len(wanted):
                break
            if time.monotonic() > deadline:
                raise EngineError(
                    f"The Docker engine at {self._engine.host} did not publish port"
                    f" {', '.join(map(str, wanted))} of {self.name}. A network that is internal"
                    " publishes nothing: network= must be an ordinary one."
                )
            time.sleep(0.02)
        base_url = f"http://{known[0]}"
        port_place = known[1] if own_port is not None else known[0]
        url = pprof_url(self._spec, base_url, port_base_url=f"http://{port_place}")
        return Endpoints(base_url, url, dict(self._spec.headers), self._agent_at(known[-1]))

    def _agent_at(self, place: str) -> AgentEndpoint | None:
        if self._agent_token is None:
            return None
        host, _, port = place.rpartition(":")
        rate = agents_profile_rate(self._spec, self._recipe.environment.get("GODEBUG", ""))
        return AgentEndpoint(host.strip("[]"), int(port), self._agent_token, rate)

    def _inspect(self) -> dict[str, Any] | None:
        """Return what the engine knows of the container, None where it was removed."""
        import docker.errors

        if self._stopped:
            return None
        try:
            with engine_errors(self._engine.host, f"inspect the container of {self.name}"):
                return dict(self._engine.client.api.inspect_container(self._container))
        except EngineError as error:
            if isinstance(error.__cause__, docker.errors.NotFound):
                return None
            raise

    def _ending_of(self, found: Mapping[str, Any] | None) -> str | None:
        while found and _was_killed(found["State"]) and self._may_learn_why():
            time.sleep(0.05)
            found = self._inspect()
        if found is None:
            return "its container was removed"
        return describe_ending(found["State"], self._spec.memory)

    def _may_learn_why(self) -> bool:
        """Tell whether the engine may yet say that it was for memory: asked at the first time."""
        now = time.monotonic()
        self._seen_killed_at = self._seen_killed_at or now
        return now < self._seen_killed_at + _OOM_SECONDS

    def _join_our_network(self) -> None:
        network = self._engine.reach.network
        if network and self._spec.network not in {None, network}:
            with engine_errors(self._engine.host, f"join the network {network}"):
                self._engine.client.api.connect_container_to_network(self._container, network)


def _was_killed(state: Mapping[str, Any]) -> bool:
    """Tell whether a SIGKILL ended it, of which nobody has said yet that it was for memory."""
    killed = state["ExitCode"] == _SIGNAL_BASE + signal.SIGKILL and not state["Running"]
    return killed and not state.get("OOMKilled")


def describe_ending(state: Mapping[str, Any], memory: str) -> str | None:
    """Return how a container ended, by its State: None while it runs, or before it was started."""
    if state["Running"] or state.get("Status") == "created":
        return None
    code = int(state["ExitCode"])
    try:
        name = signal.Signals(code - _SIGNAL_BASE).name
        ended = f"signal {code - _SIGNAL_BASE} ({name})"
    except ValueError:
        ended = f"exit code {code}"
    if state.get("OOMKilled"):
        return f"killed for memory (limit {memory}), {ended}"
    return ended
