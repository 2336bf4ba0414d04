from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_echoleak.errors import ServiceError, SettingError
from pytest_echoleak.services.attached import AttachedInstance, attach, exclusive
from pytest_echoleak.services.specs import Binary, Running
from tests.services.forking import becomes_true, forker, running

HOLDER = """
import sys
from pytest_echoleak.services.attached import exclusive
from pytest_echoleak.services.specs import Running

with exclusive(Running(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forker()  # Before Go's own cache is elsewhere, too.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def hold(url: str) -> subprocess.Popen[str]:
    """Let another process hold the service at `url`, until its standard input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_running_service_is_reached_and_never_ended() -> None:
    with running() as service:
        spec = Running(service.endpoints().base_url + "/", headers={"X-Key": "1"})
        instance = attach(spec, ready_timeout_seconds=10)
        assert instance.endpoints().base_url == service.endpoints().base_url
        assert instance.endpoints().pprof_url == service.endpoints().pprof_url
        assert instance.endpoints().pprof_headers == {"X-Key": "1"}
        assert instance.identity() == instance.identity()
        assert instance.runtime == "attached"
        instance.stop()
        assert service.ending() is None


def test_what_is_not_ours_is_not_restarted() -> None:
    with pytest.raises(ServiceError, match="started by someone else"):
        AttachedInstance(Running("http://127.0.0.1:1")).restart()


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://h/", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="url="):
        AttachedInstance(Running(url))


def test_nobody_there_is_told() -> None:
    with pytest.raises(ServiceError, match=r"not ready(?s:.*)Is the service running"):
        attach(Running("http://127.0.0.1:1"), ready_timeout_seconds=0.1)


def test_one_check_at_a_time_over_all_processes() -> None:
    holder = hold("http://localhost:4180/api")
    entered = threading.Event()

    def check() -> None:
        with exclusive(AttachedInstance(Running("http://127.0.0.1:4180"))):
            entered.set()

    thread = threading.Thread(target=check)
    thread.start()
    assert not entered.wait(0.3)
    holder.communicate()
    assert becomes_true(entered.is_set)
    thread.join()


def test_a_holder_that_was_killed_holds_no_more() -> None:
    holder = hold("http://127.0.0.1:4180")
    holder.kill()
    holder.communicate()
    with exclusive(Running("http://127.0.0.1:4180"), timeout_seconds=10):
        pass


def test_waiting_has_an_end() -> None:
    holder = hold("http://127.0.0.1:4180")
    try:
        with (
            pytest.raises(ServiceError, match="shared by several pytest workers"),
            exclusive(Running("http://127.0.0.1:4180"), timeout_seconds=0.2),
        ):
            pass
    finally:
        holder.communicate()


def test_others_are_not_waited_for() -> None:
    holder = hold("http://127.0.0.1:4180")
    try:
        with exclusive(Running("http://127.0.0.1:4181"), timeout_seconds=1):
            pass
        with exclusive(Binary(path="x"), timeout_seconds=1), exclusive(Binary(path="x")):
            pass
    finally:
        holder.communicate()
