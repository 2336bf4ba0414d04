"""Starting a service from its spec: which runtime it gets, and why."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_echoleak.errors import EngineError, SettingError
from pytest_echoleak.services.instance import Instance
from pytest_echoleak.services.specs import (
    Binary,
    Dockerfile,
    GoSource,
    Image,
    Running,
    Spec,
    Startable,
    describe,
)
from pytest_echoleak.text import printable_line

if TYPE_CHECKING:
    from pytest_echoleak.services.containers.engine import Engine

RuntimeChoice = Literal["auto", "docker", "process"]


@dataclass(frozen=True)
class Launched:
    """A service that is ready, and one sentence on how it runs and why."""

    instance: Instance
    why: str


@dataclass(frozen=True)
class EngineAnswer:
    """What came of looking for a Docker engine; `error` is None where one answered."""

    host: str = ""
    version: str = ""
    goarch: str = ""
    error: EngineError | None = None

    def sentence(self) -> str:
        """Return who answered, or why no one did."""
        if self.error is None:
            return f"engine {self.version} at {self.host}"
        return printable_line(str(self.error).partition(". ")[0])


class Launcher:
    """Starts services for one session. The engine is looked for once, at the first need."""

    def __init__(self) -> None:
        self._answer: EngineAnswer | None = None
        self._unused_engine: Engine | None = None
        self._lock = threading.Lock()

    def launch(
        self,
        spec: Spec,
        *,
        runtime: RuntimeChoice = "auto",
        ready_timeout_seconds: float = 60.0,
    ) -> Launched:
        """Start what `spec` says, and return it when it is ready and its pprof answers.

        "auto" takes Docker where an engine answers, else a local process where the spec allows
        that. A service with an agent needs no pprof. Raises SettingError, BuildError, EngineError,
        ServiceError and, for a pprof that does not answer, SnapshotError; nothing is left running
        then, or on an interrupt.
        """
        launched = self._start(spec, runtime, ready_timeout_seconds)
        try:
            if launched.instance.endpoints().agent is None:
                from pytest_echoleak.services.readiness import check_pprof

                check_pprof(launched.instance.endpoints(), launched.instance, spec)
        except BaseException:
            launched.instance.stop()
            raise
        return launched

    def engine(self) -> EngineAnswer:
        """Return which engine answers. It is asked once per session."""
        with self._lock:
            if self._answer is None:
                self._answer = self._ask_engine()
            return self._answer

    def close(self) -> None:
        """Close what is still open towards the engine. Services that run are not touched."""
        engine = self._take_engine()
        if engine is not None:
            engine.close()

    def _start(self, spec: Spec, runtime: RuntimeChoice, ready_timeout_seconds: float) -> Launched:
        if runtime not in {"auto", "docker", "process"}:
            raise SettingError(f"runtime={runtime!r}: it is auto, docker or process")
        if isinstance(spec, Running):
            from pytest_echoleak.services.attached import attach

            instance = attach(spec, ready_timeout_seconds=ready_timeout_seconds)
            return Launched(instance, f"attached: it runs already, at {spec.url}")
        why_process = self._why_process(spec, runtime)
        if why_process is None:
            return self._start_container(spec, ready_timeout_seconds)
        if isinstance(spec, (Image, Dockerfile)):
            raise SettingError(f"{describe(spec)} needs Docker, it cannot be a local process")
        return _launched(_start_process(spec, ready_timeout_seconds), f"process: {why_process}")

    def _why_process(self, spec: Startable, runtime: RuntimeChoice) -> str | None:
        """Return why the service is to be a local process, None where it goes into a container.

        Raises EngineError where it needs an engine, and none answers.
        """
        if runtime == "process":
            return "asked for by runtime=process"
        answer = self.engine()
        if answer.error is not None:
            if runtime == "docker" or isinstance(spec, (Image, Dockerfile)):
                raise EngineError(
                    f"{describe(spec)} needs a Docker engine. {answer.error}"
                ) from answer.error
            return answer.sentence()
        if runtime == "auto" and isinstance(spec, Binary):
            return _misfit(_binary_path(spec), answer)
        return None

    def _start_container(self, spec: Startable, ready_timeout_seconds: float) -> Launched:
        from pytest_echoleak.services.containers.container import start_container

        # The instance takes the connection over, and closes it at its end.
        instance = start_container(
            spec, ready_timeout_seconds=ready_timeout_seconds, engine=self._take_engine()
        )
        return _launched(instance, f"docker: {self.engine().sentence()}")

    def _ask_engine(self) -> EngineAnswer:
        from pytest_echoleak.services.containers.engine import connect

        try:
            engine = connect()
        except EngineError as error:
            return EngineAnswer(error=error)
        self._unused_engine = engine
        return EngineAnswer(engine.host, engine.version, engine.goarch)

    def _take_engine(self) -> Engine | None:
        with self._lock:
            engine, self._unused_engine = self._unused_engine, None
            return engine


def _launched(instance: Instance, why: str) -> Launched:
    return Launched(instance, f"{why}; {instance.note}" if instance.note else why)


def _start_process(spec: GoSource | Binary, ready_timeout_seconds: float) -> Instance:
    from pytest_echoleak.services.gobuild import binary_modules, build
    from pytest_echoleak.services.processes.process import start_process

    if isinstance(spec, GoSource):
        built = build(spec)
        return start_process(
            spec,
            binary=built.path,
            modules=built.modules,
            ready_timeout_seconds=ready_timeout_seconds,
            agent=built.agent,
            note=built.note,
        )
    binary = _binary_path(spec)
    return start_process(
        spec,
        binary=binary,
        modules=binary_modules(binary),
        ready_timeout_seconds=ready_timeout_seconds,
    )


def _binary_path(spec: Binary) -> Path:
    path = Path(fspath(spec.path)).expanduser().absolute()
    if not path.is_file():
        raise SettingError(f"{describe(spec)}: there is no file {path}. Build it first.")
    if not os.access(path, os.X_OK):
        raise SettingError(f"{describe(spec)}: {path} may not be executed: chmod +x {path}")
    return path


def _misfit(binary: Path, engine: EngineAnswer) -> str | None:
    """Return why `binary` cannot run in a container on `engine`, None where it can."""
    from pytest_echoleak.services.binaryinfo import read_binary

    info = read_binary(binary)
    if not info.is_elf:
        return f"{binary.name} is no Linux program, which a container needs"
    if info.goarch not in {None, engine.goarch}:
        return f"{binary.name} is built for {info.goarch}, and the engine's is {engine.goarch}"
    return None
