"""From a spec to the image that its container is made of, and to the user's modules in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_echoleak.agent.overlay import AGENT_SYMBOL
from pytest_echoleak.errors import BuildError, EngineError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.binaryinfo import own_modules, read_binary, read_image
from pytest_echoleak.services.containers.dockerfile import build_image
from pytest_echoleak.services.containers.engine import Engine, engine_errors
from pytest_echoleak.services.containers.images import (
    binary_image,
    image_config,
    image_of,
    with_files,
)
from pytest_echoleak.services.instance import Module
from pytest_echoleak.services.specs import Binary, Dockerfile, GoSource, Image, Startable, describe

_MOST_LINKS = 8
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Program:
    """What is known of the service's program: the user's modules in it, and Go's version.

    `agent`: the agent is in it. `file` is where it lies on this machine, None where it is in the
    image alone.
    """

    modules: tuple[Module, ...] = ()
    go_version: str = ""
    agent: bool = False
    file: Path | None = None


@dataclass(frozen=True)
class Recipe:
    """An image to run. `program` is None where the program in the image has yet to be asked.

    `agent`: it was built so that its Go programs have the agent; `note` says why not.
    """

    image_id: str
    program: Program | None
    agent: bool
    note: str
    environment: dict[str, str]
    command: tuple[str, ...]
    working_folder: PurePosixPath


def prepare(engine: Engine, spec: Startable) -> Recipe:
    """Build, pull or find the spec's image. Raises BuildError, ServiceError, EngineError."""
    program: Program | None = None
    agent, note = False, ""
    match spec:
        case GoSource():
            built = gobuild.build(spec, goos=engine.goos, goarch=engine.goarch)
            image_id = binary_image(engine, built.path, spec)
            agent, note = built.agent, built.note
            program = Program(built.modules, built.go_version, agent, built.path)
        case Binary():
            path = Path(fspath(spec.path)).expanduser().resolve()
            if not path.is_file():
                raise BuildError(f"{describe(spec)}: there is no file {path}. Build it first.")
            image_id = binary_image(engine, path, spec)
            info = read_binary(path)
            program = Program(own_modules(info), info.go_version, file=path)
        case Dockerfile():
            image = build_image(engine, spec)
            agent, note = image.agent, image.note
            image_id = with_files(engine, image.image_id, spec)
        case Image():
            image_id = with_files(engine, image_of(engine, spec), spec)
    return _recipe(image_id, program, agent, note, image_config(engine, image_id))


def program_of(content: bytes | None) -> Program:
    """Return what a program's file tells of itself; nothing where it is not Go's, or is none."""
    if content is None:
        return Program()
    info = read_image(content)
    return Program(own_modules(info), info.go_version, AGENT_SYMBOL in content)


def read_program(engine: Engine, container_id: str, recipe: Recipe) -> bytes | None:
    """Return the file that a container of the recipe starts, None where there is none."""
    found = (read_file(engine, container_id, place) for place in program_places(recipe))
    return next((content for content in found if content is not None), None)


def program_places(recipe: Recipe) -> tuple[PurePosixPath, ...]:
    """Return where the program may be that a container of the recipe starts."""
    if not recipe.command:
        return ()
    program = recipe.command[0]
    if "/" in program:
        return (recipe.working_folder / program,)
    folders = recipe.environment.get("PATH", _DEFAULT_PATH).split(":")
    return tuple(PurePosixPath(folder or "/", program) for folder in folders)


def _recipe(
    image_id: str, program: Program | None, agent: bool, note: str, config: dict[str, Any]
) -> Recipe:
    pairs = (entry.partition("=") for entry in config.get("Env") or [])
    return Recipe(
        image_id=image_id,
        program=program,
        agent=agent,
        note=note,
        environment={name: value for name, _, value in pairs},
        command=(*_words(config.get("Entrypoint")), *_words(config.get("Cmd"))),
        working_folder=PurePosixPath(config.get("WorkingDir") or "/"),
    )


def _words(words: Sequence[str] | None) -> Sequence[str]:
    return words or ()


def read_file(engine: Engine, container_id: str, place: PurePosixPath) -> bytes | None:
    """Return a file of a container, None where there is none. A link is followed."""
    for _ in range(_MOST_LINKS):
        try:
            with engine_errors(engine.host, f"read {place}"):
                stream, _ = engine.client.api.get_archive(container_id, str(place))
                archive = io.BytesIO(b"".join(stream))
        except EngineError:
            return None
        with tarfile.open(fileobj=archive) as opened:
            member = opened.next()
            if member is None or not (member.issym() or member.isreg()):
                return None
            if member.isreg():
                content = opened.extractfile(member)
                return content.read() if content else None
            place = place.parent / member.linkname
    return None
