"""What a started service is to the rest of the package: one protocol, three implementations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pytest_echoleak.agent.endpoint import AgentEndpoint

# So long may a process take to die when its connections have broken.
_DYING_SECONDS = 1.0
# So long may an engine take to write down what was printed.
_LOG_SECONDS = 0.2

Runtime = Literal["docker", "process", "attached"]


@dataclass(frozen=True)
class Module:
    """A Go module whose functions are the user's own.

    `path` is its import path (`example.com/shop`); `root` the folder that its files were compiled
    in, as profiles name it (None where only the import path is known). `main_package` is the import
    path of the main package that was built, where that is in it and known.
    """

    path: str
    root: str | None = None
    main_package: str = ""


@dataclass(frozen=True)
class Endpoints:
    """Where a running service is reached. `pprof_url` has no slash at its end.

    `agent` is None where the service was not built with one.
    """

    base_url: str
    pprof_url: str
    pprof_headers: Mapping[str, str] = field(default_factory=dict)
    agent: AgentEndpoint | None = None


class Instance(Protocol):
    """A Go service that runs: in a container, as a process, or somewhere else (attached)."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def runtime(self) -> Runtime:
        """How it runs."""

    @property
    def modules(self) -> tuple[Module, ...]:
        """The user's own modules, as far as the build tells; empty where nothing does."""

    @property
    def go_version(self) -> str:
        """The toolchain that built it ("go1.26.8"); "" where nothing tells."""

    @property
    def note(self) -> str:
        """What must be said of how it was built; "" where nothing need be."""

    @property
    def memory_limit_bytes(self) -> int | None:
        """The container's memory limit; None where there is none, or it is not known."""

    def endpoints(self) -> Endpoints:
        """Return where it is reached now; a restart may change the port."""

    def identity(self) -> str:
        """Return a text that changes whenever another process serves: id, pid and start time.

        Raises ServiceError (with exit code and log) where it has ended. An attached service, of
        which nothing is known, always returns the same text.
        """

    def ending(self) -> str | None:
        """Return how it ended ("exit code 2", "signal 9"), None while it runs."""

    def logs(self) -> str:
        """Return the last of what it printed, at most a few hundred kilobytes, unescaped."""

    def program_file(self, folder: Path) -> Path | None:
        """Return the file of the program that runs, as it was built: symbols, types and lines.

        One that is on no disk of this machine is copied into `folder`, once. None where there is
        none to be had.
        """

    def restart(self) -> None:
        """End it and start it anew, ready again when this returns."""

    def stop(self) -> None:
        """End it and remove all that is left of it. May be called twice."""


def wait_for_ending(instance: Instance) -> None:
    """Wait until a service whose connections broke has ended, for a moment.

    It needs that to die: its last connection ends before its process does.
    """
    limit = time.monotonic() + _DYING_SECONDS
    while instance.ending() is None and time.monotonic() < limit:
        time.sleep(0.05)


def last_words(instance: Instance) -> str:
    """Return the last of what a service printed, when its engine had a moment to write it down."""
    time.sleep(_LOG_SECONDS)
    return instance.logs()
