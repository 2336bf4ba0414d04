from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.errors import BuildError, EngineError, SettingError, SnapshotError
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.launch import Launcher
from pytest_echoleak.services.specs import Binary, Dockerfile, GoSource, Image, Running
from tests.goapps import app, write_module
from tests.services.forking import forker, running


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


@pytest.mark.usefixtures("docker_engine")
def test_auto_takes_docker_where_an_engine_answers(launcher: Launcher) -> None:
    launched = launcher.launch(GoSource(path=app("forker")))
    try:
        assert launched.instance.runtime == "docker"
        assert launched.why.startswith("docker: engine ")
        assert launcher.engine().host in launched.why
    finally:
        launched.instance.stop()


@pytest.mark.usefixtures("docker_engine")
def test_several_services_share_the_choice(launcher: Launcher) -> None:
    one = launcher.launch(Binary(path=forker()))
    try:
        two = launcher.launch(Binary(path=forker()), runtime="docker")
        try:
            assert one.instance.identity() != two.instance.identity()
        finally:
            two.instance.stop()
    finally:
        one.instance.stop()


@pytest.mark.usefixtures("docker_engine")
def test_a_program_that_no_container_can_run_is_a_process(
    launcher: Launcher, tmp_path: Path
) -> None:
    script = tmp_path / "service"
    script.write_text(f'#!/bin/sh\nexec {forker()} "$@"\n')
    script.chmod(0o755)
    launched = launcher.launch(Binary(path=script))
    try:
        assert launched.why == "process: service is no Linux program, which a container needs"
    finally:
        launched.instance.stop()


@pytest.mark.usefixtures("_no_engine")
@pytest.mark.parametrize("kind", ["source", "binary"])
def test_auto_falls_back_to_a_process_and_says_why(launcher: Launcher, kind: str) -> None:
    spec = GoSource(path=app("forker")) if kind == "source" else Binary(path=forker())
    launched = launcher.launch(spec)
    try:
        assert launched.instance.runtime == "process"
        assert launched.why.startswith("process: No Docker engine answers at tcp://")
        assert "\n" not in launched.why
        assert [module.path for module in launched.instance.modules] == ["example.com/forker"]
        assert launched.instance.go_version.startswith("go1.")
    finally:
        launched.instance.stop()


@pytest.mark.usefixtures("_no_engine")
@pytest.mark.parametrize("spec", [Image(reference="shop:1"), Dockerfile(context=".")])
def test_an_image_without_an_engine_says_what_is_missing(launcher: Launcher, spec: Any) -> None:
    with pytest.raises(EngineError, match=r"needs a Docker engine\. No Docker engine answers at"):
        launcher.launch(spec)


@pytest.mark.usefixtures("_no_engine")
def test_docker_that_was_asked_for_is_not_replaced(launcher: Launcher) -> None:
    with pytest.raises(EngineError, match="needs a Docker engine"):
        launcher.launch(Binary(path=forker()), runtime="docker")


def test_a_process_that_was_asked_for_asks_no_engine(launcher: Launcher) -> None:
    launched = launcher.launch(Binary(path=forker()), runtime="process")
    try:
        assert launched.why == "process: asked for by runtime=process"
    finally:
        launched.instance.stop()


@pytest.mark.parametrize("spec", [Image(reference="shop:1"), Dockerfile(context=".")])
def test_an_image_is_no_process(launcher: Launcher, spec: Any) -> None:
    with pytest.raises(SettingError, match="cannot be a local process"):
        launcher.launch(spec, runtime="process")


def test_an_unknown_runtime_is_refused(launcher: Launcher) -> None:
    with pytest.raises(SettingError, match="auto, docker or process"):
        launcher.launch(Binary(path=forker()), runtime="podman")  # type: ignore[arg-type]


def test_a_running_service_is_attached_to(launcher: Launcher) -> None:
    with running() as service:
        url = service.endpoints().base_url
        launched = launcher.launch(Running(url))
        assert launched.why == f"attached: it runs already, at {url}"


def test_a_binary_that_is_not_there(launcher: Launcher, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no file"):
        launcher.launch(Binary(path=tmp_path / "none"), runtime="process")


def test_a_binary_that_may_not_be_executed(launcher: Launcher, tmp_path: Path) -> None:
    copy = tmp_path / "service"
    shutil.copyfile(forker(), copy)
    with pytest.raises(SettingError, match=r"chmod \+x"):
        launcher.launch(Binary(path=copy), runtime="process")


def test_a_build_error_is_one(launcher: Launcher, tmp_path: Path) -> None:
    write_module(tmp_path, {"main.go": "package main\n\nfunc main() { undefined() }\n"})
    with pytest.raises(BuildError, match="undefined"):
        launcher.launch(GoSource(path=tmp_path), runtime="process")


def test_a_service_without_pprof_is_ended_again(launcher: Launcher) -> None:
    with pytest.raises(SnapshotError, match="no pprof there"):
        launcher.launch(Binary(path=forker(), pprof="/internal/pprof"), runtime="process")


def test_pprof_on_a_port_of_its_own_that_nobody_serves(launcher: Launcher) -> None:
    spec = Binary(path=forker(), pprof=":16060/debug/pprof")
    with pytest.raises(SnapshotError, match="Nothing listens there"):
        launcher.launch(spec, runtime="process")


def test_pprof_on_the_containers_own_loopback(launcher: Launcher, docker_engine: Engine) -> None:
    spec = Binary(path=forker(), args=["pprof-on-loopback"], pprof=":6060/debug/pprof")
    with pytest.raises(SnapshotError, match=r"loopback, which nothing outside reaches.*0\.0\.0\.0"):
        launcher.launch(spec)
    assert docker_engine.version


def test_choosing_a_runtime_loads_nothing_heavy() -> None:
    script = (
        "import sys, pytest_echoleak.services.launch\n"
        "print([name for name in ('docker', 'requests', 'google.protobuf', 'psutil', 'filelock')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
