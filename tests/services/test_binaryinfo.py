"""What a program's file tells, and that damage is no error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak import GoSource
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.binaryinfo import BinaryInfo, read_image
from tests.goapps import app


@pytest.fixture(scope="module")
def program() -> bytes:
    """A program of Linux, wherever these tests run."""
    return gobuild.build(GoSource(app("plain")), goos="linux", goarch="amd64").path.read_bytes()


def test_a_built_program_tells_what_it_is(program: bytes) -> None:
    info = read_image(program)
    assert (info.main_module, info.goarch, info.is_dynamic) == ("example.com/plain", "amd64", False)
    assert (info.has_symbols, info.has_types) == (True, True)


def test_what_was_stripped_has_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "'-ldflags=-s -w'")
    spec = GoSource(app("plain"), agent=False)
    path = gobuild.build(spec, goos="linux", goarch="amd64").path
    info = read_image(path.read_bytes())
    assert info.main_module == "example.com/plain"
    assert (info.has_symbols, info.has_types) == (False, False)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damage_is_no_error(data: st.DataObject) -> None:
    head = bytearray(b"\x7fELF\x02\x01\x01" + bytes(57) + bytes(200))
    for _ in range(data.draw(st.integers(0, 30))):
        head[data.draw(st.integers(4, len(head) - 1))] = data.draw(st.integers(0, 255))
    info = read_image(bytes(head[: data.draw(st.integers(4, len(head)))]))
    assert (info.main_module, info.has_types) == ("", False)


def test_a_text_is_no_program() -> None:
    assert read_image(b"#!/bin/sh\n" * 20) == BinaryInfo()
