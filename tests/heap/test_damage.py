"""Damaged, cut, and hostile dumps and binaries end in a clear error, in bounded time and memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_echoleak.errors import HeapDumpError
from pytest_echoleak.heap.analysis import analyse
from tests.heap.dumps import Dumps, make_dumps

HEADER = b"go1.7 heap dump\n"
SECONDS = 30
MEMORY_BYTES = 1 << 30
changes_of_bytes = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), min_size=1
)
some = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Dumps:
    """The dumps of this machine's Go."""
    return make_dumps(tmp_path_factory.mktemp("dumps"), "local")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a damaged file is written."""
    return tmp_path / "damaged"


@some
@given(part=st.floats(0, 1, exclude_max=True))
def test_cut_dump_is_an_error(dumps: Dumps, place: Path, part: float) -> None:
    whole = dumps.before.read_bytes()
    place.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(HeapDumpError, match=r"cut off|does not begin like|empty"):
        ask(place, dumps.binary)


@some
@given(changes=changes_of_bytes)
def test_changed_dump_is_read_or_an_error(
    dumps: Dumps, place: Path, changes: list[tuple[float, bytes]]
) -> None:
    data = bytearray(dumps.before.read_bytes())
    for part, new in changes:
        at = int(part * len(data))
        data[at : at + len(new)] = new
    place.write_bytes(data)
    read_or_error(place, dumps.binary)


@some
@given(changes=changes_of_bytes)
def test_changed_binary_is_read_or_an_error(
    dumps: Dumps, place: Path, changes: list[tuple[float, bytes]]
) -> None:
    data = bytearray(dumps.binary.read_bytes())
    for part, new in changes:
        at = int(part * len(data))
        data[at : at + len(new)] = new
    place.write_bytes(data)
    read_or_error(dumps.before, place)


@some
@given(rest=st.binary(max_size=200))
def test_anything_behind_the_header_is_an_error(dumps: Dumps, place: Path, rest: bytes) -> None:
    place.write_bytes(HEADER + rest)
    with pytest.raises(HeapDumpError):
        ask(place, dumps.binary)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"\x01\x80\x80\x01\xff\xff\xff\xff\x7f", "a block of 34359738367 bytes"),
        (b"\x10\x01\x08\xff\xff\xff\xff\x7f", "cut off or damaged: a stack of 34359738367 frames"),
        (b"\x63", "a record of the unknown kind 99"),
        (b"\xff" * 11, "no number stands at byte 16"),
        (b"\x06\x01\x04\x00\x00\x05ppc32\x01x\x01", 'it comes from "ppc32"'),
        (
            b"\x06\x00\x08\x00\x00\x01x\x01y\x01"
            b"\x01\x80\x20\x08xxxxxxxx\x00\x01\x84\x20\x08xxxxxxxx\x00\x00",
            "two of its objects overlap",
        ),
    ],
)
def test_lengths_are_held_against_what_remains(
    dumps: Dumps, place: Path, record: bytes, message: str
) -> None:
    place.write_bytes(HEADER + record)
    with pytest.raises(HeapDumpError, match=message):
        ask(place, dumps.binary)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n"])
def test_binary_that_is_none_is_an_error(dumps: Dumps, place: Path, content: bytes) -> None:
    place.write_bytes(content)
    with pytest.raises(HeapDumpError, match=r"no ELF file|empty"):
        ask(dumps.before, place)


def test_too_little_memory_is_said(dumps: Dumps) -> None:
    """Go's runtime says so in many ways, or dies of it."""
    with pytest.raises(HeapDumpError, match=r"needs more than 0\.0 GB|without an answer"):
        analyse(dumps.after, dumps.binary, histogram=True, memory_bytes=24 << 20)


def test_time_limit_is_said(dumps: Dumps) -> None:
    with pytest.raises(HeapDumpError, match="was not analysed within 0 s"):
        analyse(dumps.after, dumps.binary, histogram=True, seconds=0.01)


def ask(dump: Path, binary: Path) -> None:
    analyse(
        dump,
        binary,
        histogram=True,
        growth=True,
        seconds=SECONDS,
        memory_bytes=MEMORY_BYTES,
    )


def read_or_error(dump: Path, binary: Path) -> None:
    """An error must be about the file: neither a crash nor a limit."""
    try:
        ask(dump, binary)
    except HeapDumpError as error:
        if "cannot be analysed" not in str(error):
            raise
