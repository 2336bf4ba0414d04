from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_echoleak.errors import EngineError
from pytest_echoleak.services.containers import engine as engine_module
from pytest_echoleak.services.containers.engine import Engine, connect, reach


@pytest.fixture
def no_docker_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Docker configuration of this test's own, empty."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def test_an_engine_tells_its_place_and_platform(docker_engine: Engine) -> None:
    assert docker_engine.goos == "linux"
    assert docker_engine.goarch
    assert "://" in docker_engine.host
    assert docker_engine.version


@pytest.mark.usefixtures("no_docker_settings")
def test_an_engine_that_does_not_answer_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("DOCKER_HOST", host)

        with pytest.raises(EngineError, match="No Docker engine answers") as caught:
            connect()

    assert host in str(caught.value)
    assert "--echoleak-runtime=process" in str(caught.value)


@pytest.mark.usefixtures("no_docker_settings")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", ""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ""),
    ],
)
def test_something_else_at_the_engines_place_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    with answering(answer) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(EngineError) as caught:
            connect()
    assert host in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.usefixtures("no_docker_settings")
def test_an_engine_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_ANSWER_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(EngineError, match="No Docker engine answers"):
            connect()


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "nonsense://x"])
@pytest.mark.usefixtures("no_docker_settings")
def test_an_address_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineError) as caught:
        connect()
    assert host in str(caught.value)


@pytest.mark.parametrize("chosen_by", ["DOCKER_CONTEXT", "config.json"])
def test_the_docker_context_in_force_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, no_docker_settings: Path, chosen_by: str
) -> None:
    write_context(no_docker_settings, "lab", "unix:///nowhere/lab.sock")
    if chosen_by == "DOCKER_CONTEXT":
        monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    else:
        (no_docker_settings / "config.json").write_text('{"currentContext": "lab"}')

    with pytest.raises(EngineError, match=r"unix:///nowhere/lab\.sock"):
        connect()


@pytest.mark.usefixtures("no_docker_settings")
def test_a_context_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(EngineError, match="gone"):
        connect()


def test_a_local_engine_is_reached_on_the_loopback() -> None:
    for host in ("unix:///var/run/docker.sock", "npipe:////./pipe/x", "tcp://localhost:2375"):
        found = reach(host, None)
        assert (found.publish_address, found.connect_host) == ("127.0.0.1", "127.0.0.1")
        assert found.network is None
        assert found.machine == "host.docker.internal"


@pytest.mark.parametrize("host", ["tcp://192.0.2.7:2376", "ssh://ci@192.0.2.7"])
def test_a_remote_engine_is_reached_where_it_is(host: str) -> None:
    found = reach(host, None)
    assert found.connect_host == "192.0.2.7"
    assert found.publish_address == "0.0.0.0"


def test_beside_the_engine_a_service_is_reached_on_our_own_network() -> None:
    found = reach("unix:///var/run/docker.sock", {"host": "", "ci": "172.18.0.5"})
    assert (found.network, found.machine) == ("ci", "172.18.0.5")
    assert found.publish_address is None


def test_beside_the_engine_on_the_hosts_network_it_is_the_loopback() -> None:
    found = reach("unix:///var/run/docker.sock", {"host": ""})
    assert found.connect_host == "127.0.0.1"


class answering:  # noqa: N801 (used as a context manager)
    """A server that gives each connection the same answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> str:
        self._thread.start()
        return f"tcp://127.0.0.1:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        for connection in _connections(self._server):
            with connection:
                connection.recv(4096)
                connection.sendall(self._answer)


def _connections(server: socket.socket) -> Iterator[socket.socket]:
    with contextlib.suppress(OSError):
        while True:
            yield server.accept()[0]


def write_context(config: Path, name: str, host: str) -> None:
    from docker.context.config import get_context_id

    folder = config / "contexts" / "meta" / get_context_id(name)
    folder.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
    text = json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints})
    (folder / "meta.json").write_text(text)
    (config / "config.json").write_text("{}")
