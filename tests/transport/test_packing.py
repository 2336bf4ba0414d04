"""Bodies that come packed."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.transport import Response, TransportError, decompressed, gunzip


def test_a_body_is_unpacked_only_where_its_header_says_gzip() -> None:
    packed = gzip.compress(b"plain")
    assert decompressed(Response(200, (), packed), 100) == packed
    gzipped = Response(200, (("content-encoding", "GZIP"),), packed)
    assert decompressed(gzipped, 100) == b"plain"


def test_exactly_the_limit_passes() -> None:
    assert len(gunzip(gzip.compress(bytes(1000)), 1000)) == 1000
    with pytest.raises(TransportError, match="unpacks to more than 999 bytes") as caught:
        gunzip(gzip.compress(bytes(1000)), 999)
    assert caught.value.reason == "too large"


def test_truncated_and_damaged() -> None:
    whole = gzip.compress(b"plain" * 100)
    with pytest.raises(TransportError, match="truncated gzip"):
        gunzip(whole[:-1], 1000)
    with pytest.raises(TransportError, match="damaged gzip"):
        gunzip(b"<html>", 1000)
    with pytest.raises(TransportError, match="damaged gzip"):
        gunzip(whole[:-8] + bytes(8), 1000)


def test_what_stands_behind_the_end_is_never_dropped_unseen() -> None:
    for behind in (b"x", gzip.compress(b"b")):
        with pytest.raises(TransportError, match="more data behind it"):
            gunzip(gzip.compress(b"a") + behind, 10)


@settings(deadline=None)
@given(st.binary())
def test_whatever_is_packed_is_unpacked(data: bytes) -> None:
    assert gunzip(gzip.compress(data), len(data)) == data
