"""Heap dumps of running services: whole, private, gone at the end, and no service dies of one."""

from __future__ import annotations

import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_echoleak import EchoService, Running, SnapshotError, start
from pytest_echoleak.agent.client import AgentClient, AgentError
from pytest_echoleak.agent.endpoint import AgentEndpoint, new_token
from pytest_echoleak.agent.overlay import AGENT_SYMBOL
from pytest_echoleak.service import EchoServices
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.binaryinfo import read_binary
from pytest_echoleak.services.specs import Binary, GoSource
from tests.integration.apps import leaks
from tests.integration.test_agent import bare, endpoint

HEADER = b"go1.7 heap dump\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_dump_is_whole_and_private_and_goes_with_the_service(
    services: EchoServices, tmp_path: Path
) -> None:
    service = services.fresh(leaks())
    first, second = service.heap_dump(), service.heap_dump()
    assert first.path != second.path
    data = second.path.read_bytes()
    assert data.startswith(HEADER)
    assert data.endswith(b"\0")
    assert second.bytes == len(data)
    assert (mode(second.path), mode(second.path.parent)) == (0o600, 0o700)
    assert second.identity == service.instance.identity()
    assert second.binary is not None
    assert read_binary(second.binary).go_version == second.go_version
    assert AGENT_SYMBOL in second.binary.read_bytes()
    kept = service.heap_dump(tmp_path / "kept" / "one.heapdump")
    assert mode(kept.path.parent) == 0o700
    service.restart()
    assert service.heap_dump().identity != first.identity
    service.stop()
    assert not first.path.parent.exists()
    assert kept.path.read_bytes().startswith(HEADER)
    assert mode(kept.path) == 0o600


def test_what_lies_at_the_path_is_replaced_and_never_readable_by_others(
    processes: EchoServices, tmp_path: Path
) -> None:
    place = tmp_path / "old.heapdump"
    place.write_text("old")
    place.chmod(0o644)
    processes.get(leaks()).heap_dump(place)
    assert mode(place) == 0o600
    assert place.read_bytes().startswith(HEADER)


class TestAfterAProof:
    @staticmethod
    def prove(service: EchoService) -> None:
        service.session().get("/blocked")
        found = service.source.unreachable_goroutines()
        assert found
        assert sum(found.values()) == 1

    def test_a_dump_is_refused_and_a_restart_makes_it_possible_again(self, tmp_path: Path) -> None:
        with start(GoSource(bare(tmp_path)), runtime="process") as service:
            service.heap_dump()
            self.prove(service)
            with pytest.raises(SnapshotError, match=r"leaked goroutines.*restart\(\).*fresh=True"):
                service.heap_dump()
            assert service.snapshot().inuse_objects, "and the service goes on"
            service.restart()
            assert service.heap_dump().bytes

    def test_a_proof_that_found_nothing_does_no_harm(self, tmp_path: Path) -> None:
        with start(GoSource(bare(tmp_path)), runtime="process") as service:
            assert service.source.unreachable_goroutines() == {}
            assert service.heap_dump().bytes

    def test_a_proof_that_the_service_itself_asked_for_is_noticed(self, tmp_path: Path) -> None:
        """Someone scrapes /debug/pprof/goroutineleak of the service under test."""
        path = bare(tmp_path, {"main.go": LEAK_PROFILE})
        with start(GoSource(path), runtime="process") as service:
            service.session().get("/blocked")
            assert service.session().get("/prove").status_code == 200
            with pytest.raises(SnapshotError, match="has found leaked goroutines"):
                service.heap_dump()
            assert service.session().get("/prove").status_code == 200


LEAK_PROFILE = """package main

import (
	"io"
	"net/http"
	"os"
	"runtime/pprof"
)

func main() {
	http.HandleFunc("/blocked", func(w http.ResponseWriter, r *http.Request) {
		go func() { <-make(chan int) }()
	})
	http.HandleFunc("/prove", func(w http.ResponseWriter, r *http.Request) {
		pprof.Lookup("goroutineleak").WriteTo(io.Discard, 0)
	})
	http.ListenAndServe(os.Getenv("ADDR"), nil)
}
"""


class TestWhereThereIsNone:
    def test_a_service_without_an_agent(self, tmp_path: Path) -> None:
        built = gobuild.build(leaks(agent=False))
        with (
            start(Binary(built.path), runtime="process") as service,
            pytest.raises(SnapshotError, match="has no agent"),
        ):
            service.heap_dump(tmp_path / "none.heapdump")
        assert not (tmp_path / "none.heapdump").exists()

    def test_a_service_that_runs_already(self, processes: EchoServices) -> None:
        url = processes.get(leaks()).base_url
        with start(Running(url)) as service, pytest.raises(SnapshotError, match="has no agent"):
            service.heap_dump()

    def test_nobody_without_the_token(self, processes: EchoServices, tmp_path: Path) -> None:
        agent = endpoint(processes.get(leaks()))
        target = tmp_path / "none.heapdump"
        for token in (new_token(), "", agent.token[:-1] + "x"):
            wrong = AgentEndpoint(agent.host, agent.port, token)
            with AgentClient(wrong) as client, pytest.raises(AgentError):
                client.dump(target)
        assert not target.exists()
        with (
            socket.create_connection((agent.host, agent.port), 10) as peer,
            suppress(ConnectionResetError),
        ):
            peer.sendall(struct.pack("<65sI4s", b"x" * 65, 4, b"dump"))
            assert peer.recv(1000) == b""


def test_a_client_that_goes_away_in_the_middle_does_not_stop_the_service(
    processes: EchoServices, tmp_path: Path
) -> None:
    service = processes.get(leaks())
    with (
        AgentClient(endpoint(service)) as client,
        pytest.raises(AgentError, match="limit of 9,999"),
    ):
        client.dump(tmp_path / "cut.heapdump", limit_bytes=9_999)
    assert not (tmp_path / "cut.heapdump").exists()
    assert service.session().get("/healthy").status_code == 200
    assert service.heap_dump().bytes > 9_999
