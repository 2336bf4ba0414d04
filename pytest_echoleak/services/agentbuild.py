"""How a Go service is built with the agent in it: what `go build` and its environment get."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_echoleak.agent.overlay import write_overlay
from pytest_echoleak.errors import BuildError
from pytest_echoleak.services.specs import GoSource

# 1.26 alone has the profile as an experiment: later it is part of Go, which refuses the name.
_LEAK_PROFILE_EXPERIMENT = "goroutineleakprofile"
_OVERLAY_FLAG = re.compile(r"(?:^|[\s'\"])--?overlay(?:=|\s|$)")
# Among GOFLAGS only the linker has them. They cost names and types, and change no code.
_STRIPS = re.compile(r"(?<=[\s='\"])-[sw](?=[\s'\"]|$)")
_LEAK_PROFILE_VERSION = re.compile(r"go1\.26(\D|$)")


def agent_build(
    spec: GoSource, go: str, folder: Path, build_folder: Path, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the options of `go build`, and variables, that lay the agent over the main package.

    Its files are written into `build_folder`. Raises BuildError where there is no such package, or
    where the user's own flags have an overlay.
    """
    asked = run_go([go, "env", "GOVERSION", "GOFLAGS", "GOEXPERIMENT"], folder, environment)
    version, flags, experiments = [*asked.stdout.splitlines(), "", "", ""][:3]
    if _OVERLAY_FLAG.search(flags):
        raise BuildError("GOFLAGS has an -overlay of its own")
    overlay = write_overlay(_package_folder(spec, go, folder, environment), build_folder)
    variables = {}
    if _STRIPS.search(flags):
        variables["GOFLAGS"] = without_stripping(flags)
    if _LEAK_PROFILE_VERSION.match(version) and _LEAK_PROFILE_EXPERIMENT not in experiments:
        chosen = [experiments] if experiments else []
        variables["GOEXPERIMENT"] = ",".join([*chosen, _LEAK_PROFILE_EXPERIMENT])
    return [f"-overlay={overlay}"], variables


def without_stripping(flags: str) -> str:
    """Return GOFLAGS without the linker's -s and -w, which leave out symbols and types."""
    return _STRIPS.sub("", flags)


def _package_folder(spec: GoSource, go: str, folder: Path, environment: Mapping[str, str]) -> Path:
    if spec.package.endswith(".go"):
        raise BuildError("a list of files takes no overlay: name the package's folder")
    command = [go, "list", "-find", "-f", "{{.Dir}}"]
    if spec.tags:
        command.append("-tags=" + ",".join(spec.tags))
    done = run_go([*command, spec.package], folder, environment)
    places = done.stdout.splitlines()
    if done.returncode != 0 or len(places) != 1:
        raise BuildError(f"where the package {spec.package} lies is not known: {done.stderr}")
    return Path(places[0])


def run_go(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limit_seconds: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a `go` command in `folder`, whatever its exit code. Raises BuildError."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**environment, "PWD": str(folder)},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=limit_seconds,
        )
    except subprocess.TimeoutExpired as cause:
        what = " ".join(command[:2])
        raise BuildError(f"`{what}` did not end within {limit_seconds:g} s") from cause
    except OSError as cause:
        raise BuildError(f"{command[0]} cannot be run: {cause}") from cause
