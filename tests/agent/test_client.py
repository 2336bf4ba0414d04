"""What an agent answers, however damaged, ends in an error or in what was meant."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.agent.client import AgentClient, AgentError, AgentRefusalError
from pytest_echoleak.agent.endpoint import AgentEndpoint
from pytest_echoleak.pprof.frames import Frame

TOKEN = "t" * 64


def endpoint(listener: socket.socket) -> AgentEndpoint:
    return AgentEndpoint("127.0.0.1", listener.getsockname()[1], TOKEN)


@contextmanager
def agent(*answers: bytes) -> Iterator[AgentClient]:
    """Connect to a server that answers so, whatever is asked, and then ends the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer, peer.makefile("rb") as stream:
                assert stream.read(65) == f"{TOKEN}\n".encode()
                for answer in answers:
                    (size,) = struct.unpack("<I", stream.read(4))
                    stream.read(size)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with AgentClient(endpoint(listener)) as client:
                yield client
        finally:
            thread.join()


def framed(payload: bytes, done: int = 1) -> bytes:
    return struct.pack("<BI", done, len(payload)) + payload


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def text(value: str) -> bytes:
    return numbers(len(value.encode())) + value.encode()


SNAPSHOT = numbers(7, 1, 1, 500, 64_000, 9_000, 12, 5, 1, 2) + numbers(1, 3, 4, 256, 2, 8, 1, 9, 6)
STACKS = numbers(2) + text("main.f") + text("f.go") + numbers(3) + text("runtime.goexit")
STACKS += text("asm.s") + numbers(1) + numbers(2, 0, 1) + numbers(0)


def test_a_snapshot_is_read_with_all_its_sites() -> None:
    with agent(framed(SNAPSHOT)) as client:
        told = client.snapshot(6, 5, quiet_seconds=0, limit_seconds=0)
    assert (told.generation, told.partial, told.profile_rate_bytes) == (7, True, 1)
    assert (told.heap_objects, told.heap_bytes, told.mallocs, told.num_gc) == (
        500,
        64_000,
        9_000,
        12,
    )
    assert (told.goroutine_count, told.at_rest, told.gcs) == (5, True, 2)
    assert told.heap == [(3, 4, 256)]
    assert told.goroutines == [(8, 1), (9, 6)]


def test_stacks_share_their_frames() -> None:
    end = Frame("runtime.goexit", "asm.s", 1)
    with agent(framed(STACKS)) as client:
        assert client.stacks([4, 9]) == {4: (Frame("main.f", "f.go", 3), end), 9: ()}


def test_a_refusal_is_told_with_its_reason() -> None:
    with (
        agent(framed(b"no such profile", done=0)) as client,
        pytest.raises(AgentRefusalError, match="'profile': no such profile"),
    ):
        client.profile("goroutineleak")


def test_another_protocol_is_not_guessed_at() -> None:
    with (
        agent(framed(text("go1.30") + numbers(2))) as client,
        pytest.raises(AgentError, match="speaks version 2"),
    ):
        client.hello()


def test_an_answer_too_long_to_be_one_is_not_awaited() -> None:
    with (
        agent(struct.pack("<BI", 1, 2**32 - 1)) as client,
        pytest.raises(AgentError, match="announced an answer of 4,294,967,295 bytes"),
    ):
        client.profile("heap")


def test_a_connection_that_ends_is_said_to() -> None:
    with agent(b"\x01\x00") as client, pytest.raises(AgentError, match="closed the connection"):
        client.hello()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = endpoint(listener)
    with pytest.raises(AgentError, match="nothing listens at"):
        AgentClient(gone)


DUMP = b"go1.7 heap dump\n" + bytes(range(256)) + b"\0"
END = b"echoleak: the dump ends here\n"


class TestDumps:
    def test_one_is_written_without_its_end_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "one"
        with agent(framed(b"") + DUMP + END) as client:
            assert client.dump(path) == len(DUMP)
        assert path.read_bytes() == DUMP
        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            (DUMP, "cut short, after 273 bytes"),
            (DUMP + END[:-1], "cut short"),
            (DUMP[:-1] + END, "cut short"),
            (b"", "cut short, after 0 bytes"),
            (b"HTTP/1.1 200 OK\r\n" + END, "is no heap dump"),
            (DUMP * 9 + END, "larger than the limit of 2,000 bytes"),
        ],
    )
    def test_what_is_none_leaves_no_file(self, tmp_path: Path, sent: bytes, why: str) -> None:
        path = tmp_path / "none"
        with agent(framed(b"") + sent) as client, pytest.raises(AgentError, match=why):
            client.dump(path, limit_bytes=2000)
        assert not path.exists()

    def test_a_refusal_says_why(self, tmp_path: Path) -> None:
        with (
            agent(framed(b"it would end", done=0)) as client,
            pytest.raises(AgentRefusalError) as error,
        ):
            client.dump(tmp_path / "none")
        assert error.value.why == "it would end"

    def test_one_that_never_ends_is_given_up(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = AgentClient(endpoint(listener))
            peer, _ = listener.accept()
            with peer:
                peer.sendall(framed(b"") + DUMP)
                with pytest.raises(AgentError, match="timed out"):
                    client.dump(tmp_path / "none", limit_seconds=0.2)
        assert not (tmp_path / "none").exists()

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with (
            agent(framed(b"")) as client,
            pytest.raises(AgentError, match=r"no heap dump: .*No such file"),
        ):
            client.dump(tmp_path / "missing" / "one")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage_is_an_agent_error_and_nothing_else(data: st.DataObject) -> None:
    good = bytearray(data.draw(st.sampled_from([SNAPSHOT, STACKS])))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(good[: data.draw(st.integers(0, len(good)))])
    for stacks in (False, True):
        with agent(framed(damaged)) as client:
            try:
                if stacks:
                    client.stacks([4, 9])
                else:
                    client.snapshot(0, 0, quiet_seconds=0, limit_seconds=0)
            except AgentError:
                pass


def test_the_token_is_in_no_message() -> None:
    assert TOKEN not in repr(AgentEndpoint("127.0.0.1", 1, TOKEN))
