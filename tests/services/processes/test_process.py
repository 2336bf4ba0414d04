from __future__ import annotations

import os
import signal
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pytest_echoleak.errors import ServiceError, SettingError
from pytest_echoleak.services.processes.logbuffer import RING_BYTES
from pytest_echoleak.services.processes.process import start_process
from pytest_echoleak.services.specs import Binary
from tests.services.forking import (
    all_gone,
    becomes_true,
    forker,
    get,
    processes_with,
    running,
    start,
)


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test did, no process, thread, file or descriptor of its services stays."""
    place = tmp_path / "temp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("ECHOLEAK_TEST", str(tmp_path))
    forker()
    own = psutil.Process()
    children, threads = set(own.children()), set(threading.enumerate())
    descriptors = os.listdir("/proc/self/fd")
    yield
    assert set(own.children()) <= children
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= len(descriptors)
    assert list(place.iterdir()) == []
    own_entry = f"ECHOLEAK_TEST={tmp_path}"
    assert [pid for pid in processes_with(own_entry) if pid != own.pid] == []


def test_it_is_served_where_it_was_told_to_listen() -> None:
    with running("serve", "--port={port}") as instance:
        port = instance.endpoints().base_url.rpartition(":")[2]
        assert get(instance, "/args") == f"serve --port={port}"
        assert get(instance, "/env?name=PORT") == port
        assert get(instance, "/env?name=ADDR") == f"127.0.0.1:{port}"
        assert get(instance, "/env?name=GODEBUG") == "memprofilerate=1"
        assert instance.endpoints().pprof_url == f"http://127.0.0.1:{port}/debug/pprof"
        assert instance.runtime == "process"
        assert instance.memory_limit_bytes is None


def test_services_side_by_side_have_ports_of_their_own() -> None:
    with running() as one, running() as two:
        assert one.endpoints() != two.endpoints()
        assert one.identity() != two.identity()


def test_it_inherits_the_environment_with_the_spec_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE", "inherited")
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("GODEBUG", "gctrace=0")
    with running(env={"OWN": "{host}"}) as instance:
        assert get(instance, "/env?name=DATABASE") == "inherited"
        assert get(instance, "/env?name=OWN") == "127.0.0.1"
        assert get(instance, "/env?name=PORT") != "1"
        assert get(instance, "/env?name=GODEBUG") == "gctrace=0,memprofilerate=1"


def test_files_lie_in_its_working_folder(tmp_path: Path) -> None:
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "page.html").write_text("a page")
    (tmp_path / "local.toml").write_text("a setting")
    files = [tmp_path / "views", (tmp_path / "local.toml", "config/app.toml")]
    with running(files=files, writable=["data/db"]) as instance:
        assert get(instance, "/file?name=views/page.html") == "a page"
        assert get(instance, "/file?name=config/app.toml") == "a setting"
        assert get(instance, "/write?name=data/db/x") == ""
        assert get(instance, "/write?name=" + get(instance, "/env?name=TMPDIR") + "/x") == ""


def test_its_folder_is_private() -> None:
    with running() as instance:
        folder = Path(get(instance, "/env?name=TMPDIR")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_writable_folder_elsewhere_is_made_and_stays(tmp_path: Path) -> None:
    with running(writable=[str(tmp_path / "var" / "data")]) as instance:
        assert get(instance, f"/write?name={tmp_path}/var/data/x") == ""
    assert (tmp_path / "var" / "data" / "x").read_text() == "x"


def test_a_file_cannot_be_put_outside_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(SettingError, match="run the service in Docker"):
        start(files=[(tmp_path / "x", "/etc/x")])


def test_a_panic_at_the_start_is_shown() -> None:
    with pytest.raises(ServiceError) as caught:
        start("panic")
    assert "ended before it was ready: exit code 2" in str(caught.value)
    assert "panic: assignment to entry in nil map" in str(caught.value)
    assert "main.go:" in str(caught.value)


def test_an_exit_before_it_is_ready_is_shown() -> None:
    with pytest.raises(ServiceError, match=r"exit code 3.*(?s:.*)no database: giving up"):
        start("exit")


def test_a_killed_service_tells_its_size() -> None:
    with pytest.raises(ServiceError, match=r"signal 9 \(SIGKILL\), largest resident size \d+ MB"):
        start("kill-itself")


def test_a_program_of_another_system_is_told(tmp_path: Path) -> None:
    foreign = tmp_path / "service"
    foreign.write_bytes(b"\xcf\xfa\xed\xfe" + bytes(100))
    foreign.chmod(0o755)
    with pytest.raises(ServiceError, match="built for another GOOS or GOARCH"):
        start_process(Binary(path=foreign), binary=foreign, modules=(), ready_timeout_seconds=5)


def test_a_port_that_is_lost_again_and_again_is_told() -> None:
    with pytest.raises(ServiceError, match="address already in use"):
        start("port-lost")


def test_the_port_is_kept_for_the_service() -> None:
    with running() as instance:
        port = int(instance.endpoints().base_url.rpartition(":")[2])
        instance.stop()
        instance._port.reserve()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


def test_a_taken_pprof_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"pprof on port {port}, which something else uses"):
            start(pprof=f":{port}/debug/pprof")


def test_endless_printing_stops_nothing_and_is_capped() -> None:
    with running("chatter") as instance:
        assert becomes_true(lambda: len(instance.logs()) > RING_BYTES / 2)
        before = instance.logs()
        assert becomes_true(lambda: instance.logs() != before)
        assert get(instance, "/ok") == "fine\n"
        assert len(instance.logs()) <= RING_BYTES
        assert instance.logs().splitlines()[1].endswith("all work and no play ")
    assert "all work" in instance.logs()


def test_a_service_that_ignores_requests_to_end_is_killed() -> None:
    with running("stubborn") as instance:
        pass
    assert str(instance.ending()).startswith("signal 9")


def test_a_panic_later_is_an_ending() -> None:
    with running() as instance:
        assert instance.ending() is None
        get(instance, "/panic")
        assert becomes_true(lambda: instance.ending() is not None)
        assert instance.ending() == "exit code 2"
        with pytest.raises(ServiceError, match=r"exit code 2(?s:.*)panic: round two"):
            instance.identity()


def test_a_restart_is_another_process_on_the_same_port() -> None:
    with running() as instance:
        before, identity = instance.endpoints(), instance.identity()
        assert instance.identity() == identity
        instance.restart()
        assert instance.endpoints() == before
        assert instance.identity() != identity
        assert get(instance, "/ok") == "fine\n"


def test_a_restart_brings_a_dead_service_back() -> None:
    with running() as instance:
        get(instance, "/panic")
        assert becomes_true(lambda: instance.ending() is not None)
        instance.restart()
        assert get(instance, "/ok") == "fine\n"


def test_stopping_twice_is_stopping() -> None:
    with running() as instance:
        instance.stop()
        assert instance.ending() == "signal 15 (SIGTERM)"


def test_children_and_orphans_end_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with running("fork", env={"PIDS": str(pids)}):
        assert becomes_true(lambda: pids.exists() and len(pids.read_text().split()) == 4)
        left = [int(pid) for pid in pids.read_text().split()]
        assert all(psutil.pid_exists(pid) for pid in left)
    assert not any(psutil.pid_exists(pid) for pid in left)


def test_children_end_when_it_panics(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with running("fork", env={"PIDS": str(pids)}) as instance:
        assert becomes_true(lambda: pids.exists() and len(pids.read_text().split()) == 4)
        get(instance, "/panic")
        assert becomes_true(lambda: instance.ending() is not None)
        assert not any(psutil.pid_exists(int(pid)) for pid in pids.read_text().split())


def test_it_does_not_end_with_the_thread_that_started_it() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(start()))
    thread.start()
    thread.join()
    try:
        time.sleep(0.2)
        assert get(found[0], "/ok") == "fine\n"
    finally:
        found[0].stop()


def test_a_killed_supervisor_takes_everything_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with running("fork", env={"PIDS": str(pids)}) as instance:
        assert becomes_true(lambda: pids.exists() and len(pids.read_text().split()) == 4)
        os.kill(psutil.Process(instance.pid).ppid(), signal.SIGKILL)
        assert becomes_true(lambda: instance.ending() is not None)
        assert str(instance.ending()).startswith("signal 9")
    # The orphans had lost their supervisor: they were found by the mark in their environment.
    assert all_gone(f"PIDS={pids}")
