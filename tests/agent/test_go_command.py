"""The script that stands before an image's go command: what it changes, and what it leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_echoleak.agent.overlay import AGENT_SYMBOL, agent_source, go_command
from pytest_echoleak.services.binaryinfo import read_binary
from pytest_echoleak.services.gobuild import find_go
from tests.goapps import write_module

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script for images of Linux")

# Answers for its settings, and prints what it is told to do otherwise.
FAKE = """#!/bin/sh
if [ "$1" = env ]; then
    [ -n "$FAKE_FAILS" ] && exit 1
    [ "$2" = -C ] && echo "$3" >>"$LOG"
    printf '%s\\n' "${FAKE_ROOT-/go}" "$FAKE_VERSION" "$GOFLAGS" "$GOEXPERIMENT" /modules
    exit
fi
echo "flags=$GOFLAGS"
echo "experiment=$GOEXPERIMENT"
for word; do printf 'word=%s\\n' "$word"; done
file=${GOFLAGS##*-overlay=}
[ -f "$file" ] && cat "$file"
exit 7
"""
Run = Callable[..., list[str]]


@pytest.fixture(params=["sh", "bash", "busybox"])
def go(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Return what runs the script with words and variables, before a go command that only tells."""
    shell = shutil.which(request.param)
    if shell is None:
        pytest.skip(f"no {request.param} here")
    here, real = tmp_path / ".echoleak", tmp_path / "real"
    (here / "bin").mkdir(parents=True)
    real.mkdir()
    script = here / "bin" / "go"
    script.write_text(go_command().replace("here=/.echoleak\n", f"here={here}\n"))
    (real / "go").write_text(FAKE)
    for file in (script, real / "go"):
        file.chmod(0o755)
    start = [shell, "sh"] if request.param == "busybox" else [shell]

    def run(*words: str, version: str = "go1.27.3", **more: str) -> list[str]:
        environment = {
            "PATH": f"{here / 'bin'}:/nowhere:{real}:/usr/bin:/bin",
            "FAKE_VERSION": version,
            "LOG": str(tmp_path / "log"),
            **more,
        }
        done = subprocess.run(
            [*start, str(script), *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 7, done
        assert done.stderr == ""
        assert list(here.iterdir()) == [here / "bin"], "nothing is left"
        return done.stdout.replace(f"{here}/overlay-", "OVERLAY-").splitlines()

    return run


def words_of(lines: list[str]) -> list[str]:
    return [line.removeprefix("word=") for line in lines if line.startswith("word=")]


def test_a_build_is_told_of_the_agent(go: Run) -> None:
    lines = go("build", "-o", "a b", ".", GOFLAGS="-mod=vendor")
    assert lines[0].startswith("flags=-mod=vendor -overlay=OVERLAY-")
    assert lines[1] == "experiment="
    assert words_of(lines) == ["build", "-o", "a b", "."]
    assert '"/go/src/net/http/zz_echoleak_agent.go": "' in lines[-1]


@pytest.mark.parametrize(
    ("version", "given", "expected"),
    [
        ("go1.26", "", "goroutineleakprofile"),
        ("go1.26.8", "", "goroutineleakprofile"),
        ("go1.26rc1", "jsonv2", "jsonv2,goroutineleakprofile"),
        ("go1.26.8", "goroutineleakprofile", "goroutineleakprofile"),
        ("go1.27.3", "", ""),
        ("go1.25.1", "jsonv2", "jsonv2"),
        ("go1.21", "", ""),
    ],
)
def test_one_version_alone_takes_the_experiment(
    go: Run, version: str, given: str, expected: str
) -> None:
    lines = go("install", "./...", version=version, GOEXPERIMENT=given)
    assert lines[1] == f"experiment={expected}"
    assert "-overlay=" in lines[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["-ldflags=-s -w"], ["-ldflags="]),
        (["-ldflags", "-s -w -X main.v=1"], ["-ldflags", "-X main.v=1"]),
        (["--ldflags=-X main.v=-s -w"], ["--ldflags=-X main.v="]),
        (["-ldflags=-w -X 'main.v=a b' -s"], ["-ldflags=-X 'main.v=a b'"]),
        (["-ldflags=all=-s -w"], ["-ldflags=all="]),
        (["-ldflags=-static -swift -X main.v=1"], ["-ldflags=-static -swift -X main.v=1"]),
        (["-o", "-s", "-tags", "a,b", "./cmd"], ["-o", "-s", "-tags", "a,b", "./cmd"]),
        ([r"-ldflags=-s -X main.v=a\nb\c"], [r"-ldflags=-X main.v=a\nb\c"]),
        (["-ldflags", "-s", "-s"], ["-ldflags", "", "-s"]),
    ],
)
def test_symbols_and_types_are_kept(go: Run, given: list[str], expected: list[str]) -> None:
    assert words_of(go("build", *given))[1:] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("-ldflags=-w -trimpath", "-ldflags= -trimpath"),
        ("'-ldflags=-s -w' -mod=vendor", "'-ldflags= ' -mod=vendor"),
        ('"-ldflags=-X main.v=1 -s"', '"-ldflags=-X main.v=1 "'),
    ],
)
def test_flags_in_the_environment_keep_them_too(go: Run, given: str, expected: str) -> None:
    flags = go("build", GOFLAGS=given)[0].removeprefix("flags=").partition(" -overlay")[0]
    assert " ".join(flags.split()) == " ".join(expected.split())


def test_a_folder_is_asked_for_its_settings(go: Run, tmp_path: Path) -> None:
    assert words_of(go("build", "-C", "a b", ".")) == ["build", "-C", "a b", "."]
    assert (tmp_path / "log").read_text() == "a b\n"


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["version"], {}),
        (["mod", "download"], {}),
        (["test", "./..."], {}),
        (["build", "-overlay=mine.json"], {}),
        (["build"], {"GOFLAGS": "-overlay=mine.json"}),
        (["build"], {"FAKE_ROOT": "/modules/golang.org/toolchain"}),
        (["build"], {"FAKE_ROOT": ""}),
        (["build"], {"FAKE_FAILS": "1"}),
        (["build"], {"version": "go1.20.14"}),
        (["build"], {"version": "go1.2"}),
        (["build"], {"version": "devel go1.28-abc"}),
    ],
)
def test_whatever_cannot_be_done_is_left(
    go: Run, words: list[str], variables: dict[str, str]
) -> None:
    lines = go(*words, **variables)
    assert lines[0] == f"flags={variables.get('GOFLAGS', '')}"
    assert words_of(lines) == words


def test_a_service_that_was_built_so_has_the_agent_and_its_symbols(tmp_path: Path) -> None:
    """By the real go command: any main package, stripped by its flags."""
    source = 'package main\n\nimport "net/http"\n\nfunc main() { http.ListenAndServe("", nil) }\n'
    write_module(tmp_path / "shop", {"cmd/shop/main.go": source})
    here = tmp_path / "here"
    (here / "bin").mkdir(parents=True)
    (here / "agent.go").write_text(agent_source("http"))
    script = here / "bin" / "go"
    script.write_text(go_command().replace("here=/.echoleak\n", f"here={here}\n"))
    script.chmod(0o755)
    path = f"{here / 'bin'}:{Path(find_go()).parent}:{os.environ['PATH']}"
    subprocess.run(
        [str(script), "install", "-ldflags=-s -w", "./..."],
        cwd=tmp_path / "shop",
        env={**os.environ, "PATH": path, "GOBIN": str(tmp_path / "bin"), "CGO_ENABLED": "0"},
        check=True,
    )
    program = tmp_path / "bin" / "shop"
    info = read_binary(program)
    assert AGENT_SYMBOL in program.read_bytes()
    assert (info.has_symbols, info.has_types) == (True, True)
