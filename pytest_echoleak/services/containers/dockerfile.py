"""Building the image of a Dockerfile: by `docker build` where it is on PATH, else by the SDK.

The command has BuildKit (where buildx is installed), the user's registries and logins; the SDK has
the classic builder only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import fspath
from pathlib import Path
from urllib.parse import urlsplit

from pytest_echoleak.errors import BuildError, EngineError
from pytest_echoleak.services.cache import locked
from pytest_echoleak.services.containers.derived import with_agent, with_stage_labels
from pytest_echoleak.services.containers.engine import Engine, engine_errors
from pytest_echoleak.services.containers.images import agent_image, prune_images
from pytest_echoleak.services.containers.labels import IMAGE
from pytest_echoleak.services.gobuild import go_settings
from pytest_echoleak.services.processes.supervised import SupervisedProgram
from pytest_echoleak.services.processes.workfolder import make_folder, remove_folder
from pytest_echoleak.services.specs import Dockerfile, describe
from pytest_echoleak.text import last_lines, printable_line

BUILD_SECONDS = 1800.0

_REPOSITORY = "pytest-echoleak/dockerfile"
_LOG_LINES = 40
_GO_SETTINGS = ("GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|network is unreachable|no route to host"
    r"|temporary failure in name resolution|could not resolve|bad address|connection refused",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class BuiltImage:
    """The image of a Dockerfile. `agent`: it was built so that the agent is in its Go programs.

    `note` says why it was not, where it was to be.
    """

    image_id: str
    agent: bool
    note: str = ""


@dataclass(frozen=True)
class _Order:
    context: Path
    file: Path
    text: str
    arguments: Mapping[str, str]
    tag: str
    timeout_seconds: float


@dataclass(frozen=True)
class _Outcome:
    image_id: str | None
    log: str
    is_late: bool = False


def build_image(
    engine: Engine, spec: Dockerfile, *, timeout_seconds: float = BUILD_SECONDS
) -> BuiltImage:
    """Build the Dockerfile and return its image. Raises BuildError with the log's last lines.

    Each `ARG GOPROXY` and the like in the Dockerfile gets what the user's own Go is told, each
    `ARG` of a proxy too. An address with credentials in it is never passed on, since build
    arguments stay readable in the image's history: `build_args` passes it where that is wanted.
    """
    context = Path(fspath(spec.context)).expanduser().resolve()
    file = context / spec.dockerfile
    if not file.is_file():
        raise BuildError(f"{describe(spec)}: there is no {file}. dockerfile= is below context=.")
    arguments = {**told_arguments(), **spec.build_args}
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    order = _Order(context, file, text, arguments, image_tag(file), timeout_seconds)
    with locked(order.tag.rpartition(":")[2]):
        outcome, agent, note = _build_with_agent(engine, order, wanted=spec.agent)
    if outcome.image_id is None:
        log = last_lines(outcome.log, _LOG_LINES)
        raise BuildError(f"{describe(spec)}: `docker build` of {file} failed.\n\n{log}")
    prune_images(engine, needed=outcome.image_id)
    return BuiltImage(outcome.image_id, agent, note)


def image_tag(file: Path) -> str:
    """Return the name that the image of the Dockerfile `file` gets; its stages are labelled so."""
    return f"{_REPOSITORY}:{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"


def told_arguments() -> dict[str, str]:
    """Return the build arguments that tell a build where modules and proxies are."""
    told = go_settings(_GO_SETTINGS)
    told |= {name: os.environ[name] for name in _PROXIES if os.environ.get(name)}
    return {name: value for name, value in told.items() if not _has_credentials(value)}


def needs_host_network(arguments: Mapping[str, str]) -> bool:
    """Tell whether an address in the arguments is this machine's own loopback."""
    return any(
        urlsplit(address).hostname in _LOOPBACK
        for value in arguments.values()
        for address in _addresses(value)
    )


def _build_with_agent(engine: Engine, order: _Order, *, wanted: bool) -> tuple[_Outcome, bool, str]:
    """Build with the agent, if that is wanted; return whether so, and why not.

    Where that fails the Dockerfile is built as it is, which tells whether the agent was the reason.
    """
    if not wanted:
        return _build_on_some_network(engine, order), False, ""
    try:
        text = with_agent(order.text, agent_image(engine))
        why = "no stage of the Dockerfile runs anything"
    except EngineError as error:
        text, why = None, printable_line(str(error), 300)
    if text is None:
        plain = _build_on_some_network(engine, order)
        return plain, False, f"built without the agent: {why}"
    outcome = _build_on_some_network(engine, replace(order, text=text))
    if outcome.image_id is not None or outcome.is_late:
        return outcome, True, ""
    plain = _build_on_some_network(engine, order)
    last = (outcome.log.strip().splitlines() or ["no reason given"])[-1]
    return plain, False, f"built without the agent: {printable_line(last)}"


def _build_on_some_network(engine: Engine, order: _Order) -> _Outcome:
    """Build, and once more on the host's network where the builder's own reaches nothing.

    A bridge often has no way to a proxy, a VPN or a name server that the machine itself reaches.
    """
    build = _build_by_command if _docker_command() else _build_by_sdk
    if needs_host_network(order.arguments):
        return build(engine, order, "host")
    outcome = build(engine, order, "default")
    if outcome.image_id is None and _NO_NETWORK.search(outcome.log):
        return build(engine, order, "host")
    return outcome


def _build_by_command(engine: Engine, order: _Order, network: str) -> _Outcome:  # noqa: ARG001
    """Build by `docker build`, which finds the engine by the same rules as `connect`."""
    environment = {**os.environ, "BUILDKIT_PROGRESS": "plain"}
    command = [_docker_command() or "docker", "build", "--tag", order.tag]
    command += ["--label", f"{IMAGE}={order.tag}", "--network", network]
    for name, value in order.arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    folder = make_folder()
    id_file = folder / "id"
    text = order.text
    if not _has_buildx():
        environment["DOCKER_BUILDKIT"] = "0"
        command.append("--force-rm")
        text = with_stage_labels(text, order.tag)
    file = _copy(order, text, folder)
    command += ["--iidfile", str(id_file), "--file", str(file), str(order.context)]
    # Supervised, so that the build ends with a pytest that is killed: the engine then stops it.
    build = SupervisedProgram(
        command, environment=environment, working_folder=order.context, folder=folder
    )
    try:
        ended = build.await_end(order.timeout_seconds)
        image_id = id_file.read_text("ascii").strip() if id_file.is_file() else None
    finally:
        build.stop()
    if ended is None:
        text = f"{build.log()}\nended by us: not built within {order.timeout_seconds:g} s"
        return _Outcome(None, text, is_late=True)
    return _Outcome(image_id if ended.code == 0 else None, build.log())


def _build_by_sdk(engine: Engine, order: _Order, network: str) -> _Outcome:
    import docker.errors

    folder = make_folder()
    try:
        with engine_errors(engine.host, "build the image"):
            image, log = engine.client.images.build(
                path=str(order.context),
                dockerfile=str(_copy(order, with_stage_labels(order.text, order.tag), folder)),
                tag=order.tag,
                buildargs=dict(order.arguments),
                labels={IMAGE: order.tag},
                network_mode=network,
                timeout=int(order.timeout_seconds),
                rm=True,
                forcerm=True,
            )
    except EngineError as error:
        failure = error.__cause__
        if not isinstance(failure, docker.errors.BuildError):
            raise
        return _Outcome(None, f"{_sdk_log(failure.build_log)}\n{failure.msg}")
    finally:
        remove_folder(folder)
    return _Outcome(str(image.id), _sdk_log(log))


def _copy(order: _Order, text: str, folder: Path) -> Path:
    """Write a derived Dockerfile into `folder`, with the list of what it ignores beside it."""
    copy = folder / "Dockerfile"
    copy.write_text(text, encoding="utf-8", errors="surrogateescape")
    ignored = order.file.with_name(f"{order.file.name}.dockerignore")
    if ignored.is_file():
        shutil.copy(ignored, folder / "Dockerfile.dockerignore")
    return copy


def _sdk_log(lines: object) -> str:
    entries = lines if isinstance(lines, (list, tuple)) else list(lines)  # type: ignore[call-overload]
    return "".join(str(entry.get("stream") or entry.get("error") or "") for entry in entries)


def _docker_command() -> str | None:
    # What supervises the command is for POSIX systems.
    return shutil.which("docker") if os.name == "posix" else None


def _has_buildx() -> bool:
    done = subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False)
    return done.returncode == 0


def _addresses(value: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,|]", value) if "://" in part]


def _has_credentials(value: str) -> bool:
    return any("@" in urlsplit(address).netloc for address in _addresses(value))
