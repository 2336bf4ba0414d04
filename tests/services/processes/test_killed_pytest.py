"""What is left of a local service when its pytest is killed: nothing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from pytest_echoleak.services.processes.workfolder import remove_leftovers
from tests.services.forking import all_gone, becomes_true, forker, processes_with

REPETITIONS = int(os.environ.get("ECHOLEAK_KILLS", "20"))

HOST = """
import sys, time
from pathlib import Path
from pytest_echoleak.services.processes.process import start_process
from pytest_echoleak.services.specs import Binary

print("loaded", flush=True)
binary = Path(sys.argv[1])
spec = Binary(path=binary, args=["fork"], env={"PIDS": sys.argv[2]})
instance = start_process(spec, binary=binary, modules=(), ready_timeout_seconds=20)
try:
    print("ready", flush=True)
    time.sleep(600)
finally:
    instance.stop()
"""


class Host:
    """A Python process that runs a service with children and orphans, in a temp of its own."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.pids = folder / "pids"
        self.entry = f"ECHOLEAK_TEST={folder}"
        name, _, value = self.entry.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOST, str(forker()), str(self.pids)],
            env={**os.environ, "TMPDIR": str(self.temp), name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def wait_for(self, line: str) -> None:
        assert self.process.stdout is not None
        for found in self.process.stdout:
            if found.strip() == line:
                return
        raise AssertionError(f"the host never said {line}")

    def supervisor(self) -> psutil.Process:
        return psutil.Process(self.process.pid).children()[0]

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate()

    def leftover_files(self) -> list[Path]:
        return list(self.temp.iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_killed_at_any_moment_nothing_is_left(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = random.Random(7)
    for repetition in range(REPETITIONS):
        folder = tmp_path / str(repetition)
        folder.mkdir()
        host = Host(folder)
        host.wait_for("loaded")
        time.sleep(moments.uniform(0, 0.15))
        host.end(number)
        assert all_gone(host.entry), f"repetition {repetition}: {processes_with(host.entry)}"
        # A kill in the instant between the folder and its supervisor is for the next use to tidy.
        monkeypatch.setattr(tempfile, "tempdir", str(host.temp))
        remove_leftovers()
        assert host.leftover_files() == [], f"repetition {repetition}"


def test_a_killed_pytest_needs_no_next_use(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.wait_for("ready")
    host.end(signal.SIGKILL)
    assert all_gone(host.entry)
    assert becomes_true(lambda: host.leftover_files() == [])


def test_pytest_and_supervisor_killed_together_leave_nothing_after_the_next_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path)
    host.wait_for("ready")
    assert becomes_true(lambda: host.pids.exists() and len(host.pids.read_text().split()) == 4)
    supervisor = host.supervisor()
    supervisor.suspend()
    host.end(signal.SIGKILL)
    supervisor.kill()
    assert host.leftover_files() != []
    monkeypatch.setattr(tempfile, "tempdir", str(host.temp))
    remove_leftovers()
    assert all_gone(host.entry)
    assert host.leftover_files() == []


def test_a_fork_of_pytest_that_lives_on_keeps_nothing_alive(tmp_path: Path) -> None:
    script = HOST.replace(
        'print("ready", flush=True)',
        "import os\n    if os.fork() == 0:\n        os.environ.clear()\n        time.sleep(600)\n"
        '    print("ready", flush=True)',
    )
    folder = tmp_path / "temp"
    folder.mkdir()
    host = subprocess.Popen(
        [sys.executable, "-c", script, str(forker()), str(tmp_path / "pids")],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout is not None
    assert [host.stdout.readline().strip() for _ in range(2)] == ["loaded", "ready"]
    forks = [child for child in psutil.Process(host.pid).children() if "-I" not in child.cmdline()]
    try:
        host.kill()
        host.wait()
        assert len(forks) == 1
        assert becomes_true(lambda: list(folder.iterdir()) == [])
        assert all_gone(f"PIDS={tmp_path / 'pids'}")
    finally:
        for fork in forks:
            with contextlib.suppress(psutil.Error):
                fork.kill()
        host.stdout.close()


def test_what_another_user_or_a_running_pytest_owns_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_echoleak.services.owner import current_owner

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    label = current_owner().label()
    dead = label.rsplit("_", 1)[0] + "_1"
    kept = [tmp_path / f"echoleak-{label}-abc", tmp_path / "echoleak-abc", tmp_path / "other"]
    for folder in kept:
        folder.mkdir()
    link = tmp_path / f"echoleak-{dead}-link"
    link.symlink_to(tmp_path / "other")
    abandoned = tmp_path / f"echoleak-{dead}-abc"
    abandoned.mkdir()
    remove_leftovers()
    assert sorted(tmp_path.iterdir()) == sorted([*kept, link])
