"""A stand-in for the image `golang:1.26`, for machines that cannot pull one.

It is made of this machine's own parts: its shell and the commands that Dockerfiles use, with the
libraries that `ldd` names, its GOROOT, and the certificates that it trusts. It stays on the engine,
labelled `pytest-echoleak.stand-in`, because making it takes some seconds:
`docker rmi golang:1.26` removes it.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from docker.errors import ImageNotFound

from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.containers.images import ca_bundle
from pytest_echoleak.services.gobuild import find_go

REFERENCE = "golang:1.26"
LABEL = "pytest-echoleak.stand-in"

_COMMANDS = (
    "sh",
    "cat",
    "chmod",
    "cp",
    "env",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sleep",
    "touch",
)
_LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)")
_CHANGES = [
    "ENV PATH=/go/bin:/usr/local/go/bin:/bin",
    "ENV GOPATH=/go",
    "ENV GOTOOLCHAIN=local",
    "WORKDIR /go",
    f"LABEL {LABEL}=golang",
]


def ensure_golang_image(engine: Engine) -> str:
    """Return the image's reference, made where the engine has none of that name."""
    try:
        engine.client.images.get(REFERENCE)
    except ImageNotFound:
        repository, _, tag = REFERENCE.partition(":")
        with TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                _fill(archive)
            file.seek(0)
            # The SDK sends this in chunks, and takes a file for its lines.
            stream = iter(lambda: file.read(1 << 20), b"")
            engine.client.api.import_image_from_stream(
                stream, repository=repository, tag=tag, changes=_CHANGES
            )
    return REFERENCE


def _fill(archive: tarfile.TarFile) -> None:
    programs = list(_programs())
    for program in programs:
        archive.add(program.resolve(), f"bin/{program.name}")
    for library in sorted({library for program in programs for library in _libraries(program)}):
        archive.add(library.resolve(), str(library).lstrip("/"))
    archive.add(_goroot().resolve(), "usr/local/go")
    certificates = ca_bundle()
    header = tarfile.TarInfo("etc/ssl/certs/ca-certificates.crt")
    header.size = len(certificates)
    archive.addfile(header, io.BytesIO(certificates))
    for name in ("tmp", "go"):
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)


def _programs() -> Iterator[Path]:
    for command in _COMMANDS:
        found = shutil.which(command, path="/bin:/usr/bin")
        if found:
            yield Path(found)


def _libraries(program: Path) -> list[Path]:
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return [Path(match) for match in _LIBRARY.findall(done.stdout)]


def _goroot() -> Path:
    done = subprocess.run([find_go(), "env", "GOROOT"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())
