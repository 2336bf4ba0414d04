"""Building the analyser: one Go program that ships as source, built once per toolchain."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from pytest_echoleak.errors import BuildError
from pytest_echoleak.services.agentbuild import run_go
from pytest_echoleak.services.binaryinfo import read_binary
from pytest_echoleak.services.cache import cache_folder, locked, prune
from pytest_echoleak.services.gobuild import find_go
from pytest_echoleak.text import last_lines

_FOLDER = "analyser"
# A toolchain may have to be fetched, and the standard library compiled.
_BUILD_SECONDS = 300.0
_RELEASE = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")
# Of the user's environment these would change what is built, or for which machine.
_OWN_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOARCH": "",
    "GOEXPERIMENT": "",
    "GOFLAGS": "",
    "GOOS": "",
    "GOWORK": "off",
}


def analyser_program(service_binary: Path) -> Path:
    """Return the analyser for a service's binary, built where the cache has none.

    The toolchain must know the tables of the service's Go: it is the one that built the service, or
    the `go` command's own where that is as new. Raises BuildError.
    """
    go = find_go()
    sources = _sources()
    digest = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:24]
    environment = {**os.environ, **_OWN_SETTINGS}
    version = _toolchain(go, service_binary, environment)
    folder = cache_folder() / "analysers"
    folder.mkdir(exist_ok=True)
    suffix = ".exe" if sys.platform == "win32" else ""
    program = folder / f"{digest}-{version}{suffix}"
    with locked(f"analyser-{digest}-{version}"):
        if not program.is_file():
            _build(go, sources, program, {**environment, "GOTOOLCHAIN": version})
        os.utime(program)
    prune(folder)
    return program


def _sources() -> dict[str, str]:
    found = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in files(__package__).joinpath(_FOLDER).iterdir()
        if entry.name == "go.mod" or entry.name.endswith(".go")
    }
    return {name: text for name, text in found.items() if not name.endswith("_test.go")}


def _toolchain(go: str, service_binary: Path, environment: Mapping[str, str]) -> str:
    """Return the value of GOTOOLCHAIN: "local", or the release that built the service."""
    asked = run_go(
        [go, "env", "GOVERSION"], cache_folder(), {**environment, "GOTOOLCHAIN": "local"}
    )
    local = _RELEASE.match(asked.stdout.strip())
    try:
        stated = _RELEASE.match(read_binary(service_binary).go_version)
    except OSError:
        # What is wrong with the binary the analyser says better.
        stated = None
    if stated is None or local is None or _numbers(local) >= _numbers(stated):
        return "local" if local is None else local.group()
    return stated.group()


def _numbers(release: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in release.groups())


def _build(
    go: str, sources: Mapping[str, str], program: Path, environment: Mapping[str, str]
) -> None:
    """Build beside the place and move there, so that nobody runs half a program."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=program.parent) as name:
        folder = Path(name)
        for file, text in sources.items():
            (folder / file).write_text(text, encoding="utf-8")
        built = folder / "built"
        command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(built)]
        done = run_go([*command, "."], folder, environment, _BUILD_SECONDS)
        if done.returncode != 0:
            raise BuildError(
                "The analyser of heap dumps cannot be built with"
                f" {environment['GOTOOLCHAIN']} (Go 1.21 or later is needed):"
                f" `go build` ended with exit code {done.returncode}."
                f"\n\n{last_lines(done.stdout + done.stderr, 30)}"
            )
        shutil.move(built, program)
