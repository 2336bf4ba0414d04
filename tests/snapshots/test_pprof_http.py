"""Settled snapshots over pprof, of a server that answers with recorded profiles."""

from __future__ import annotations

import gzip
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_echoleak.errors import ProfileError, ServiceError, SnapshotError
from pytest_echoleak.pprof.memstats import parse_memstats
from pytest_echoleak.services.instance import Endpoints, Module, Runtime
from pytest_echoleak.snapshots.pprof_http import PprofSource
from pytest_echoleak.snapshots.snapshot import RawProfiles, Rest
from tests.misbehaving_server import Server, ok, serving
from tests.pprof.profile_maker import RECORDED, Maker, recorded

QUICK = Rest(0.001, 0.002, 0.004, 0.1)


@dataclass
class FakeInstance:
    """A service whose pprof is the test's own server."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    identities: Callable[[], str] = lambda: "one"
    name: str = "the shop"
    runtime: Runtime = "process"
    modules: tuple[Module, ...] = ()
    go_version: str = "go1.26.8"
    memory_limit_bytes: int | None = None
    note: str = ""

    def endpoints(self) -> Endpoints:
        return Endpoints(self.url, f"{self.url}/debug/pprof", self.headers)

    def identity(self) -> str:
        return self.identities()

    def ending(self) -> str | None:
        return None

    def logs(self) -> str:
        return "listening\n"

    def program_file(self, folder: Path) -> Path | None:
        raise NotImplementedError

    def restart(self) -> None: ...

    def stop(self) -> None: ...


def goroutines(count: int) -> bytes:
    maker = Maker(("goroutine",))
    place = maker.location(("main.wait", "main.go", 1))
    return maker.sample([place], [count]).data()


@contextmanager
def pprof(
    heap: bytes, goroutine: Callable[[], bytes] | bytes = b"", memstats: bytes = b""
) -> Iterator[Server]:
    """Serve profiles as net/http/pprof does."""

    def answer(peer: socket.socket, request: bytes) -> bool:
        target = request.split(b" ")[1]
        if b"debug=1" in target:
            body = memstats
        elif b"/heap" in target:
            body = heap
        else:
            body = goroutine() if callable(goroutine) else goroutine or goroutines(3)
        peer.sendall(ok(body))
        return True

    with serving(answer) as server:
        yield server


def targets(server: Server) -> list[str]:
    return [request.split(b" ")[1].decode() for request in server.requests]


def test_an_exact_profile_is_read_after_two_gcs_and_needs_no_text_form() -> None:
    heap, goroutine = recorded("go1.26.exact.heap"), recorded("go1.26.exact.goroutine")
    with pprof(heap, goroutine) as server:
        snapshot = PprofSource(FakeInstance(server.url), QUICK).take()
        assert server.connections == 1
        assert server.closed.wait(10), "no connection of ours may stand in the next snapshot"
    seen = targets(server)
    assert seen.count("/debug/pprof/heap?gc=1") == 2
    assert seen[-1] == "/debug/pprof/goroutine"
    assert not any("debug=1" in target for target in seen)
    assert snapshot.exact
    assert snapshot.inuse_objects == sum(snapshot.heap.objects.values())
    assert snapshot.raw == RawProfiles(heap, goroutine)
    assert (snapshot.heap_requests, snapshot.goroutine_requests) == (len(seen) - 1, len(seen))


def test_a_sampled_profile_is_read_with_its_totals() -> None:
    text = (RECORDED / "go1.26.sampled.heap.txt").read_bytes()
    with pprof(recorded("go1.26.sampled.heap"), memstats=text) as server:
        snapshot = PprofSource(FakeInstance(server.url), QUICK).take()
    totals = parse_memstats(text.decode())
    assert not snapshot.exact
    assert snapshot.inuse_objects == totals.heap_objects
    assert snapshot.allocated_objects == totals.mallocs


def test_the_login_goes_with_every_request() -> None:
    with pprof(Maker().data()) as server:
        instance = FakeInstance(server.url, {"Authorization": "Bearer x"})
        PprofSource(instance, QUICK).take()
    assert all(b"Authorization: Bearer x\r\n" in request for request in server.requests)


class TestRest:
    def test_goroutines_that_end_are_waited_for(self) -> None:
        counts = iter([9, 8, 7, 6, 5, *[3] * 1000])
        with pprof(Maker().data(), lambda: goroutines(next(counts))) as server:
            snapshot = PprofSource(FakeInstance(server.url), Rest(0.001, 0.05, 0.05, 60)).take()
        assert snapshot.at_rest
        assert snapshot.goroutine_count == 3

    def test_no_more_of_them_than_last_time_is_rest_at_once(self) -> None:
        with pprof(Maker().data()) as server:
            source = PprofSource(FakeInstance(server.url), Rest(0.001, 0.002, 60, 60))
            first = source.take()
            before = len(server.requests)
            second = source.take(first)
            assert len(server.requests) - before == 4
        assert second.at_rest
        assert second.heap_requests - first.heap_requests == 4

    def test_the_wait_has_a_limit(self) -> None:
        counts = iter(range(1, 10_000))
        with pprof(Maker().data(), lambda: goroutines(next(counts))) as server:
            snapshot = PprofSource(FakeInstance(server.url), Rest(0.001, 1, 1, 0.05)).take()
        assert not snapshot.at_rest


class TestFaults:
    def failure(self, heap: bytes, goroutine: bytes = b"") -> str:
        with pprof(heap, goroutine) as server, pytest.raises(ProfileError) as caught:
            PprofSource(FakeInstance(server.url), QUICK).take()
        text = str(caught.value)
        assert text.startswith(f"the shop: its pprof at {server.url}/debug/pprof cannot be read: ")
        assert "Nothing is known of its memory, so this is no verdict." in text
        assert text.endswith("The service's last log lines:\n    listening")
        return text

    def test_a_page_in_place_of_a_profile(self) -> None:
        assert "begin with '<html>Log in'" in self.failure(b"<html>Log in")

    def test_an_empty_body(self) -> None:
        assert "is empty" in self.failure(b"")

    def test_truncated_gzip(self) -> None:
        assert "truncated gzip" in self.failure(recorded("go1.26.exact.heap")[:-20])

    def test_a_profile_of_another_kind(self) -> None:
        assert "not a heap profile" in self.failure(recorded("go1.26.exact.goroutine"))

    def test_a_sampled_profile_without_totals(self) -> None:
        assert "no runtime.MemStats" in self.failure(recorded("go1.26.sampled.heap"))

    @pytest.mark.parametrize("status", [401, 404, 500])
    def test_another_status(self, status: int) -> None:
        def answer(peer: socket.socket, _request: bytes) -> bool:
            peer.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 4\r\n\r\nwhy?" % status)
            return True

        text = f"/goroutine was answered with status {status}: why\\?"
        with serving(answer) as server, pytest.raises(ProfileError, match=text):
            PprofSource(FakeInstance(server.url), QUICK).take()

    def test_nobody_answers(self) -> None:
        with serving(lambda *_: None) as server:
            pass
        with pytest.raises(SnapshotError, match="cannot connect") as caught:
            PprofSource(FakeInstance(server.url), QUICK).take()
        assert not isinstance(caught.value, ProfileError)

    def test_a_service_that_ended_says_so_itself(self) -> None:
        """Its exit code tells more than the connection that it closed."""
        calls = iter(["one"])

        def identity() -> str:
            try:
                return next(calls)
            except StopIteration:
                raise ServiceError("the shop ended: exit code 2") from None

        with serving(lambda *_: None) as server, pytest.raises(ServiceError, match="exit code 2"):
            PprofSource(FakeInstance(server.url, identities=identity), QUICK).take()


class TestRestarts:
    def test_another_process_that_answers_is_noticed(self) -> None:
        identities = iter(["one", "two"])
        with pprof(Maker().data()) as server:
            instance = FakeInstance(server.url, identities=lambda: next(identities))
            with pytest.raises(SnapshotError, match="the shop was restarted"):
                PprofSource(instance, QUICK).take()

    def test_so_are_counters_that_went_back(self) -> None:
        """Of an attached service nothing else is known."""

        def heap(allocated: int) -> bytes:
            maker = Maker()
            place = maker.location(("main.f", "main.go", 1))
            return maker.sample([place], [allocated, allocated, 1, 1]).data()

        for later in (heap(9), Maker().data()):
            instance = FakeInstance("")
            source = PprofSource(instance, QUICK)
            with pprof(heap(10)) as server:
                instance.url = server.url
                first = source.take()
            with pprof(heap(11)) as server:
                instance.url = server.url
                second = source.take(first)
            with pprof(later) as server:
                instance.url = server.url
                with pytest.raises(SnapshotError, match="was restarted"):
                    source.take(second)

    @pytest.mark.parametrize("counter", ["Mallocs", "NumGC"])
    def test_so_are_totals_that_went_back(self, counter: str) -> None:
        """A small service may have no sample at all whose count could go back."""
        heap = recorded("go1.26.sampled.heap")
        text = (RECORDED / "go1.26.sampled.heap.txt").read_text()
        less = re.sub(rf"# {counter} = \d+", f"# {counter} = 1", text)
        instance = FakeInstance("")
        source = PprofSource(instance, QUICK)
        with pprof(heap, memstats=text.encode()) as server:
            instance.url = server.url
            first = source.take()
            second = source.take(first)
        with pprof(heap, memstats=less.encode()) as server:
            instance.url = server.url
            with pytest.raises(SnapshotError, match="was restarted"):
                source.take(second)


def test_a_body_that_is_packed_once_more_is_unpacked() -> None:
    """A middleware that compresses what is compressed."""
    heap = recorded("go1.26.exact.heap")

    def answer(peer: socket.socket, request: bytes) -> bool:
        body = heap if b"/heap" in request else goroutines(1)
        peer.sendall(ok(gzip.compress(body), b"Content-Encoding: gzip\r\n"))
        return True

    with serving(answer) as server:
        raw = PprofSource(FakeInstance(server.url), QUICK).take().raw
    assert raw is not None
    assert raw.heap_pb_gz == heap
