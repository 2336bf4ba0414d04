"""After a run, whatever way it ended, nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pytest_echoleak import LeakError, assert_no_leak, start
from pytest_echoleak.services.containers.engine import Engine, connect
from pytest_echoleak.services.containers.labels import IMAGE, OWNER, STAGE
from pytest_echoleak.services.launch import RuntimeChoice
from pytest_echoleak.services.owner import parse_owner
from tests.integration.apps import LEAKS, QUICK, leaks
from tests.services.forking import all_gone, becomes_true, processes_with

TEST = f"""
import os, time
from pathlib import Path
import pytest
from pytest_echoleak import GoSource

@pytest.fixture(scope="session")
def echo_service_spec():
    return GoSource({str(LEAKS)!r})

def test_in_mid_check(echo_service, assert_no_leak):
    def call(number):
        echo_service.session().get("/healthy").raise_for_status()
        if number == 150:
            Path("reached").touch()
        if number > 150:
            time.sleep(0.05)
    assert_no_leak(call, warmup=50, max_seconds=60)
"""
SHORT_TEST = (
    TEST.partition("def test_in_mid_check")[0]
    + """
def test_short(assert_no_leak):
    assert_no_leak("GET /healthy", detect=0.1)

def test_leaky(assert_no_leak):
    with pytest.raises(AssertionError, match="leaks 1.000 object"):
        assert_no_leak("GET /object", iterations=450, warmup=50, plateau=0)
"""
)


class Run:
    """A pytest of its own, in a folder of its own, whose temp folder is its own too."""

    def __init__(self, folder: Path, test: str, runtime: RuntimeChoice) -> None:
        self.project, self.temp = folder / "project", folder / "temp"
        self.project.mkdir(exist_ok=True)
        self.temp.mkdir(exist_ok=True)
        self.mark = f"ECHOLEAK_TEST={folder}"
        (self.project / "test_it.py").write_text(test, encoding="utf-8")
        (self.project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-Werror", "-q", "-p", "no:hypothesispytest"),
                *(f"--echoleak-runtime={runtime}", "--echoleak-report=report"),
            ],
            cwd=self.project,
            env={**os.environ, "TMPDIR": str(self.temp), name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def reaches(self, file: str) -> None:
        assert becomes_true(
            lambda: (self.project / file).exists() or self.process.poll() is not None
        )
        if self.process.poll() is not None:
            pytest.fail(f"it ended before:\n{self.process.communicate()[0]}")

    def output(self) -> str:
        return self.process.communicate(timeout=120)[0]


@pytest.fixture
def engine(runtime: RuntimeChoice) -> Iterator[Engine | None]:
    """An engine to look at, where services run in containers."""
    if runtime != "docker":
        yield None
        return
    connected = connect()
    yield connected
    connected.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_pytest_that_is_killed_in_mid_check(
    tmp_path: Path, runtime: RuntimeChoice, engine: Engine | None, number: signal.Signals
) -> None:
    run = Run(tmp_path, TEST, runtime)
    run.reaches("reached")
    assert runtime == "process" or containers_of(engine, run.process.pid)

    run.process.send_signal(number)
    run.output()

    if number == signal.SIGKILL:
        after = Run(tmp_path, SHORT_TEST, runtime)
        assert "2 passed" in after.output()
    assert containers_of(engine, run.process.pid) == []
    assert all_gone(run.mark), processes_with(run.mark)
    assert becomes_true(lambda: list(run.temp.iterdir()) == [])


def test_a_whole_run_leaves_its_report_and_nothing_else(
    tmp_path: Path, runtime: RuntimeChoice, engine: Engine | None
) -> None:
    images = unlabelled_images(engine)

    run = Run(tmp_path, SHORT_TEST, runtime)
    output = run.output()

    assert "2 passed" in output, output
    assert {path.name for path in run.project.iterdir()} - {"__pycache__"} == {
        ".pytest_cache",
        "pytest.ini",
        "report",
        "test_it.py",
    }
    assert list(run.temp.iterdir()) == []
    assert all_gone(run.mark), processes_with(run.mark)
    assert containers_of(engine, run.process.pid) == []
    assert unlabelled_images(engine) <= images


def test_a_service_used_without_pytest_leaves_no_thread_and_no_socket(
    runtime: RuntimeChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one_use(runtime)  # What Python opens once, and keeps.
    threads, sockets, files = opened()

    one_use(runtime)

    assert becomes_true(lambda: opened()[0] <= threads), opened()[0] - threads
    assert becomes_true(lambda: opened()[1] <= sockets), opened()[1] - sockets
    assert becomes_true(lambda: opened()[2] <= files)
    assert list(tmp_path.iterdir()) == []


def one_use(runtime: RuntimeChoice) -> None:
    with start(leaks(env={"FOR": "one use"}), runtime=runtime) as service:
        service.session().get("/healthy").raise_for_status()
        assert_no_leak(service, "GET /healthy", detect=0.1, concurrency=3)
        with pytest.raises(LeakError):
            assert_no_leak(service, "GET /object", **QUICK)


def opened() -> tuple[set[str], set[object], int]:
    me = psutil.Process()
    connections: set[object] = {
        (c.family, c.type, c.laddr, c.raddr) for c in me.net_connections("all")
    }
    return {thread.name for thread in threading.enumerate()}, connections, me.num_fds()


def containers_of(engine: Engine | None, pid: int) -> list[str]:
    """Return the containers, ended ones too, that belong to the pytest `pid`."""
    if engine is None:
        return []
    found = engine.client.api.containers(all=True, filters={"label": OWNER})
    owners = {entry["Id"]: parse_owner(entry["Labels"][OWNER]) for entry in found}
    return [key for key, owner in owners.items() if owner is not None and owner.pid == pid]


def unlabelled_images(engine: Engine | None) -> set[str]:
    """Return the images that nobody could tell to be ours."""
    if engine is None:
        return set()
    found = engine.client.api.images()
    return {entry["Id"] for entry in found if not {IMAGE, STAGE} & set(entry.get("Labels") or {})}
