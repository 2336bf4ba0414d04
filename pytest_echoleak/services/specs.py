"""Specs: what to start. Plain values, compared by what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

StrPath: TypeAlias = "str | PathLike[str]"


@dataclass(frozen=True)
class Running:
    """A service that already runs, at `url`. It is driven and read, never started or stopped.

    `pprof` is a path on `url`, or a URL of its own; `headers` go with each request to pprof.
    """

    url: str
    pprof: str = "/debug/pprof"
    headers: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """Return a text that is equal for specs that mean the same service."""
        return _key(self)


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What every service that we start ourselves can be told.

    - `env`: environment variables; a value may name `{port}`, `{addr}` and `{host}`.
    - `args`: command-line arguments, with the same placeholders.
    - `port`: the port the service listens on inside its container.
    - `ready`: a path that must answer 2xx before the service counts as ready; None: any answer.
    - `pprof`: where pprof is: a path, `":6060/debug/pprof"`, or a URL.
    - `headers`: sent with each request to pprof.
    - `memory`: the container's memory limit, as Docker spells it ("512m", "1g").
    - `network`: the name of a Docker network to join.
    - `files`: files or folders put into the service's working folder, or (source, place) pairs.
    - `writable`: folders, beside `/tmp`, that the service may write to.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    args: Sequence[str] = ()
    port: int = 8080
    ready: str | None = None
    pprof: str = "/debug/pprof"
    headers: Mapping[str, str] = field(default_factory=dict)
    memory: str = "1g"
    network: str | None = None
    files: Sequence[StrPath | tuple[StrPath, str]] = ()
    writable: Sequence[str] = ()

    def key(self) -> str:
        """Return a text that is equal for specs that mean the same service."""
        return _key(self)


@dataclass(frozen=True)
class GoSource(ServiceSettings):
    """A Go module in the folder `path`: its main `package` is built, with build `tags`, and run.

    It is built with the agent, which makes snapshots quick and needs no pprof in the service; the
    source tree is not touched. `agent=False` builds it as it is, and reads its pprof.
    """

    path: StrPath
    package: str = "."
    tags: Sequence[str] = ()
    agent: bool = True


@dataclass(frozen=True)
class Dockerfile(ServiceSettings):
    """A Dockerfile, relative to its `context` folder, that is built and run in a container.

    Where Go code is compiled in it, the agent is built in; the Dockerfile and its context are not
    touched. `agent=False` builds its very image, and reads the pprof of the service.
    """

    context: StrPath
    dockerfile: str = "Dockerfile"
    build_args: Mapping[str, str] = field(default_factory=dict)
    agent: bool = True


@dataclass(frozen=True)
class Image(ServiceSettings):
    """An image that the engine has, or can pull, by its `reference`."""

    reference: str


@dataclass(frozen=True)
class Binary(ServiceSettings):
    """A Go program that is built already, run in a container of its own, or as a process."""

    path: StrPath


Startable: TypeAlias = GoSource | Dockerfile | Image | Binary
Spec: TypeAlias = GoSource | Dockerfile | Image | Binary | Running


def without_agent(spec: Spec) -> Spec:
    """Return a spec of the same service that is built without the agent."""
    return replace(spec, agent=False) if isinstance(spec, GoSource | Dockerfile) else spec


def describe(spec: Spec) -> str:
    """Return a short name for messages, such as `GoSource(./shop, package=./cmd/server)`."""
    match spec:
        case GoSource():
            package = "" if spec.package == "." else f", package={spec.package}"
            return f"GoSource({_shown(spec.path)}{package})"
        case Dockerfile():
            return f"Dockerfile({_shown(spec.context)}, {spec.dockerfile})"
        case Image():
            return f"Image({spec.reference})"
        case Binary():
            return f"Binary({_shown(spec.path)})"
        case Running():
            return f"Running({spec.url})"


def _shown(path: StrPath) -> str:
    """Return a path as one would type it: relative where it lies in the working folder."""
    folder = Path.cwd()
    full = Path(path)
    return fspath(full.relative_to(folder)) if full.is_relative_to(folder) else fspath(path)


def _key(spec: Running | ServiceSettings) -> str:
    values = {item.name: getattr(spec, item.name) for item in fields(spec)}
    return type(spec).__name__ + json.dumps(values, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a spec cannot hold a {type(value).__name__}: {value!r}")
