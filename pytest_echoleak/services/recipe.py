"""From a spec to the image that its container is made of, and to the user's modules in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_echoleak.errors import BuildError, EngineError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.binaryinfo import own_modules, read_image
from pytest_echoleak.services.dockerfile import build_image
from pytest_echoleak.services.engine import Engine, engine_errors
from pytest_echoleak.services.images import binary_image, image_config, image_of, with_files
from pytest_echoleak.services.instance import Module
from pytest_echoleak.services.specs import Binary, Dockerfile, GoSource, Image, Startable, describe

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Recipe:
    """An image to run. `modules` is None where the program in the image has yet to be asked.

    `is_ours`: made around a binary by us, with the writable folders in it.
    """

    image_id: str
    modules: tuple[Module, ...] | None
    is_ours: bool
    environment: dict[str, str]
    command: tuple[str, ...]
    working_folder: PurePosixPath


def prepare(engine: Engine, spec: Startable) -> Recipe:
    """Build, pull or find the spec's image. Raises BuildError, ServiceError, EngineError."""
    modules: tuple[Module, ...] | None = None
    match spec:
        case GoSource():
            built = gobuild.build(spec, goos=engine.goos, goarch=engine.goarch)
            image_id, modules = binary_image(engine, built.path, spec), built.modules
        case Binary():
            path = Path(fspath(spec.path)).expanduser().resolve()
            if not path.is_file():
                raise BuildError(f"{describe(spec)}: there is no file {path}. Build it first.")
            image_id, modules = binary_image(engine, path, spec), gobuild.binary_modules(path)
        case Dockerfile():
            image_id = with_files(engine, build_image(engine, spec), spec)
        case Image():
            image_id = with_files(engine, image_of(engine, spec), spec)
    return _recipe(image_id, modules, image_config(engine, image_id))


def program_modules(engine: Engine, container_id: str, recipe: Recipe) -> tuple[Module, ...]:
    """Return the user's modules that the program in a container names; () where it is no Go's."""
    for place in program_places(recipe):
        content = _read_file(engine, container_id, place)
        if content is not None:
            return own_modules(read_image(content))
    return ()


def program_places(recipe: Recipe) -> tuple[PurePosixPath, ...]:
    """Return where the program may be that a container of the recipe starts."""
    if not recipe.command:
        return ()
    program = recipe.command[0]
    if "/" in program:
        return (recipe.working_folder / program,)
    folders = recipe.environment.get("PATH", _DEFAULT_PATH).split(":")
    return tuple(PurePosixPath(folder or "/", program) for folder in folders)


def _recipe(image_id: str, modules: tuple[Module, ...] | None, config: dict[str, Any]) -> Recipe:
    pairs = (entry.partition("=") for entry in config.get("Env") or [])
    return Recipe(
        image_id=image_id,
        modules=modules,
        is_ours=modules is not None,
        environment={name: value for name, _, value in pairs},
        command=(*_words(config.get("Entrypoint")), *_words(config.get("Cmd"))),
        working_folder=PurePosixPath(config.get("WorkingDir") or "/"),
    )


def _words(words: Sequence[str] | None) -> Sequence[str]:
    return words or ()


def _read_file(engine: Engine, container_id: str, place: PurePosixPath) -> bytes | None:
    """Return a file of a container, None where it is absent or a link."""
    try:
        with engine_errors(engine.host, f"read {place}"):
            stream, _ = engine.client.api.get_archive(container_id, str(place))
            archive = io.BytesIO(b"".join(stream))
    except EngineError:
        return None
    with tarfile.open(fileobj=archive) as opened:
        for member in opened:
            content = opened.extractfile(member) if member.isreg() else None
            return content.read() if content else None
    return None
