"""Images that we make: from scratch around a binary, or another image with files put into it.

An image is made from an archive in memory, in one step: no bind mount, no registry, no builder, no
container in between that an interrupt could leave. It is keyed by everything in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_echoleak.agent.overlay import agent_source, go_command
from pytest_echoleak.errors import BuildError, EngineError, ServiceError, SettingError
from pytest_echoleak.services.binaryinfo import read_binary
from pytest_echoleak.services.cache import locked
from pytest_echoleak.services.containers.derived import AGENT_FOLDER
from pytest_echoleak.services.containers.engine import Engine, engine_errors
from pytest_echoleak.services.containers.labels import (
    AGENT,
    DEADLINE,
    IMAGE,
    OWNER,
    STAGE,
    container_labels,
)
from pytest_echoleak.services.containers.tree import Tree
from pytest_echoleak.services.files import PlacedFile, files_below, placed_files
from pytest_echoleak.services.specs import Image, Startable, describe

if TYPE_CHECKING:
    from importlib.abc import Traversable

ImageEntry: TypeAlias = "dict[str, Any]"

WORKING_FOLDER = PurePosixPath("/app")
PROGRAM = WORKING_FOLDER / "service"
USER_ID = 65_532
KEPT_IMAGES = 10

_REPOSITORY = "pytest-echoleak/service"
# A Dockerfile names it: were it missing, no builder should ask anybody's registry for it.
_AGENT_REPOSITORY = "localhost/pytest-echoleak/agent"
_CA_BUNDLE = PurePosixPath("/etc/ssl/certs/ca-certificates.crt")
_ZONES = PurePosixPath("/usr/share/zoneinfo")
_HOST_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_PASSWD = f"root:x:0:0:root:/:/\nservice:x:{USER_ID}:{USER_ID}:service:/tmp:/\n"
_GROUP = f"root:x:0:\nservice:x:{USER_ID}:\n"
_LIBRARY = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_NAME_SERVICES = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")


def binary_image(engine: Engine, binary: Path, spec: Startable) -> str:
    """Return the id of an image that runs `binary`, made where the engine has none like it.

    The service is a user without rights, in a working folder that only root may change.
    """
    tree = Tree()
    library_folders = _add_program(tree, engine, binary, spec)
    tree.add_file(_CA_BUNDLE, ca_bundle())
    tree.add_file(PurePosixPath("/etc/passwd"), _PASSWD.encode())
    tree.add_file(PurePosixPath("/etc/group"), _GROUP.encode())
    tree.add_file(PurePosixPath("/etc/nsswitch.conf"), b"hosts: files dns\n")
    for name, content in _zones(resources.files("tzdata") / "zoneinfo", _ZONES):
        tree.add_file(name, content)
    _add_files(tree, placed_files(spec), WORKING_FOLDER)
    tree.add_folder(PurePosixPath("/tmp"), mode=0o1777)
    for folder in spec.writable:
        tree.add_folder(WORKING_FOLDER / folder, mode=0o777, uid=USER_ID)
    changes = [
        f"ENTRYPOINT {json.dumps([str(PROGRAM)])}",
        f"WORKDIR {WORKING_FOLDER}",
        f"USER {USER_ID}:{USER_ID}",
    ]
    if library_folders:
        changes.append(f"ENV LD_LIBRARY_PATH={':'.join(library_folders)}")
    return _imported(engine, tree.archive(), changes)


def agent_image(engine: Engine) -> str:
    """Return the reference of the image that stages of a Dockerfile copy the agent from.

    It is kept: some kilobytes, one for each version of the agent.
    """
    folder = PurePosixPath(AGENT_FOLDER)
    tree = Tree()
    tree.add_file(folder / "agent.go", agent_source("http").encode())
    tree.add_file(folder / "bin" / "go", go_command().encode(), executable=True)
    archive = tree.archive()
    key = _key(archive, [])[:16]
    with locked("images"), engine_errors(engine.host, "take the agent's image"):
        found = engine.client.api.images(filters={"label": f"{AGENT}={key}"})
        if not any(f"{_AGENT_REPOSITORY}:{key}" in (one.get("RepoTags") or []) for one in found):
            engine.client.api.import_image_from_data(
                archive, repository=_AGENT_REPOSITORY, tag=key, changes=[f"LABEL {AGENT}={key}"]
            )
    return f"{_AGENT_REPOSITORY}:{key}"


def image_of(engine: Engine, spec: Image) -> str:
    """Return the id of the image that the spec names, pulled where the engine has none."""
    import docker.errors

    try:
        with engine_errors(engine.host, f"look up the image {spec.reference}"):
            return str(engine.client.images.get(spec.reference).id)
    except EngineError as error:
        if not isinstance(error.__cause__, docker.errors.ImageNotFound):
            raise
    try:
        with engine_errors(engine.host, f"pull the image {spec.reference}"):
            return str(engine.client.images.pull(spec.reference).id)
    except EngineError as error:
        raise ServiceError(
            f"{describe(spec)}: the engine has no such image, and it cannot be pulled. Build it"
            f" first (`docker build -t {spec.reference} .`), or log in to its registry. {error}"
        ) from error


def with_files(engine: Engine, image_id: str, spec: Startable) -> str:
    """Return the id of an image that is `image_id` with the spec's files and writable folders.

    A volume takes its folder's mode over from the image: whatever user the image has can write.
    """
    files = placed_files(spec)
    if not files and not spec.writable:
        return image_id
    working_folder = PurePosixPath(image_config(engine, image_id).get("WorkingDir") or "/")
    tree = Tree()
    _add_files(tree, files, working_folder)
    for folder in spec.writable:
        tree.add_folder(working_folder / folder, mode=0o777)
    archive = tree.archive()
    key = _key(archive, [image_id])
    with locked("images"):
        found = _find(engine, key)
        return found or _committed(engine, image_id, archive, key, spec=spec)


def image_config(engine: Engine, image_id: str) -> dict[str, Any]:
    """Return an image's Config: Env, Entrypoint, Cmd, WorkingDir and so on."""
    with engine_errors(engine.host, f"inspect the image {image_id}"):
        return dict(engine.client.images.get(image_id).attrs.get("Config") or {})


def prune_images(engine: Engine, *, needed: str) -> None:
    """Remove our images but the newest few and the one whose id is `needed`.

    The engine keeps each that a container uses.
    """
    with engine_errors(engine.host, "list images"):
        images = engine.client.api.images(filters={"label": IMAGE})
        stages = engine.client.api.images(filters={"label": STAGE})
    for image_id in superfluous(images, stages, needed=needed):
        _remove_image(engine, image_id)


def superfluous(
    images: Sequence[ImageEntry], stages: Sequence[ImageEntry], *, needed: str
) -> list[str]:
    """Return the ids of images to remove.

    The one that is `needed` is none of them, however old: an engine tells ages in whole seconds,
    and a build that it finds in its cache is as old as when it was made.

    Of the images that run the newest few are kept, and none that a newer build took the tag of; of
    the stages that they were built in, which are the builder's cache, the newest few.
    """
    tagged = [entry for entry in _newest_first(images) if _is_tagged(entry)]
    untagged = [entry for entry in images if not _is_tagged(entry)]
    finished = {entry["Id"] for entry in images}
    unfinished = [entry for entry in _newest_first(stages) if entry["Id"] not in finished]
    unwanted = tagged[KEPT_IMAGES:] + untagged + unfinished[KEPT_IMAGES:]
    return [str(entry["Id"]) for entry in unwanted if entry["Id"] != needed]


def ca_bundle() -> bytes:
    """Return the certificates that this machine trusts, else those that Mozilla does (certifi)."""
    import certifi

    stated = os.environ.get("SSL_CERT_FILE", "")
    own = ssl.get_default_verify_paths().cafile or ""
    for path in (stated, own, *_HOST_CA_BUNDLES):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return Path(certifi.where()).read_bytes()


def _add_program(tree: Tree, engine: Engine, binary: Path, spec: Startable) -> list[str]:
    """Put the program, and the libraries that it needs, into the tree; return their folders."""
    try:
        info = read_binary(binary)
        content = binary.read_bytes()
    except OSError as cause:
        raise BuildError(f"{describe(spec)}: {binary} cannot be read: {cause}") from cause
    if not info.is_elf or (info.goarch not in {None, engine.goarch}):
        kind = f"one for linux/{info.goarch}" if info.is_elf else "no Linux program"
        raise BuildError(
            f"{describe(spec)}: {binary} is {kind}, and the engine runs"
            f" linux/{engine.goarch}. Build it with GOOS=linux GOARCH={engine.goarch}."
        )
    tree.add_file(PROGRAM, content, executable=True)
    if not info.is_dynamic:
        return []
    libraries = _libraries(binary, spec)
    for library in libraries:
        tree.add_file(PurePosixPath(library), library.read_bytes(), executable=True)
    return sorted({str(library.parent) for library in libraries})


def _libraries(binary: Path, spec: Startable) -> list[Path]:
    try:
        done = subprocess.run(
            ["ldd", str(binary)], capture_output=True, text=True, errors="replace", check=False
        )
        text = done.stdout
    except OSError:
        text = ""
    found = [Path(match) for match in _LIBRARY.findall(text)]
    if not found or "not found" in text:
        raise BuildError(
            f"{describe(spec)}: {binary.name} is linked dynamically, and `ldd` on this"
            " machine does not find all of its libraries. Build it with CGO_ENABLED=0, or run it in"
            f" an image that has them (Image, Dockerfile).\n\n{text}"
        )
    # The C library loads these by name when it looks up a host.
    extra = {library.parent / name for library in found for name in _NAME_SERVICES}
    return found + sorted(path for path in extra if path.is_file() and path not in found)


def _add_files(tree: Tree, files: Sequence[PlacedFile], working_folder: PurePosixPath) -> None:
    for placed in files:
        if placed.source.is_dir():
            tree.add_folder(working_folder / placed.place)
        for file in files_below(placed):
            place = working_folder / file.place
            if place in tree:
                raise SettingError(
                    f"files={str(file.source)!r}: its place {place} in the image is taken already;"
                    " give it another: files=[(source, place)]"
                )
            executable = os.access(file.source, os.X_OK)
            tree.add_file(place, file.source.read_bytes(), executable=executable)


def _zones(folder: Traversable, place: PurePosixPath) -> Iterator[tuple[PurePosixPath, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _zones(entry, place / entry.name)
        elif not entry.name.endswith((".py", ".pyc")):
            yield place / entry.name, entry.read_bytes()


def _imported(engine: Engine, archive: bytes, changes: Sequence[str]) -> str:
    key = _key(archive, changes)
    with locked("images"):
        found = _find(engine, key)
        if found:
            return found
        with engine_errors(engine.host, "take the service's image"):
            answer = engine.client.api.import_image_from_data(
                archive,
                repository=_REPOSITORY,
                tag=key[:16],
                changes=[*changes, f"LABEL {IMAGE}={key}"],
            )
        made = _find(engine, key)
        if made is None:
            raise EngineError(
                f"The Docker engine at {engine.host} did not take the service's image: {answer}"
            )
        prune_images(engine, needed=made)
    return made


def _committed(engine: Engine, image_id: str, archive: bytes, key: str, *, spec: Startable) -> str:
    """Make an image from a container that never runs, and is removed whatever happens."""
    labels = container_labels(describe(spec))
    with engine_errors(engine.host, "put the spec's files into an image"):
        api = engine.client.api
        container = api.create_container(image_id, labels=labels)["Id"]
        try:
            api.put_archive(container, "/", archive)
            made = api.commit(
                container,
                repository=_REPOSITORY,
                tag=key[:16],
                # A commit takes the container's labels over, which speak of this pytest alone.
                changes=[f'LABEL {IMAGE}={key} {OWNER}="" {DEADLINE}=""'],
            )
        finally:
            engine.remove_container(container)
    prune_images(engine, needed=str(made["Id"]))
    return str(made["Id"])


def _key(archive: bytes, rest: Sequence[str]) -> str:
    digest = hashlib.sha256(archive)
    digest.update("\0".join(rest).encode())
    return digest.hexdigest()


def _find(engine: Engine, key: str) -> str | None:
    with engine_errors(engine.host, "list images"):
        found = engine.client.api.images(filters={"label": f"{IMAGE}={key}"})
    return str(found[0]["Id"]) if found else None


def _newest_first(entries: Sequence[ImageEntry]) -> list[ImageEntry]:
    return sorted(entries, key=lambda entry: int(entry["Created"]), reverse=True)


def _is_tagged(entry: ImageEntry) -> bool:
    return any(tag != "<none>:<none>" for tag in entry.get("RepoTags") or [])


def _remove_image(engine: Engine, image_id: str) -> None:
    import docker.errors

    try:
        with engine_errors(engine.host, f"remove the image {image_id}"):
            engine.client.api.remove_image(image_id, force=False)
    except EngineError as error:
        # In use, or removed by another pytest: neither is any trouble.
        if not isinstance(error.__cause__, docker.errors.APIError):
            raise
