"""The MemStats trailer of a heap profile's text form."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.errors import ProfileError
from pytest_echoleak.pprof.memstats import MemStats, parse_memstats
from tests.pprof.profile_maker import RECORDED

TRAILER = """
# runtime.MemStats
# HeapAlloc = 1000
# HeapObjects = 70
# Mallocs = 500
# Frees = 430
# NumGC = 3
# PauseNs = [1 2 3]
"""


@pytest.mark.parametrize("version", ["go1.21", "go1.26", "go1.27"])
def test_a_recorded_trailer(version: str) -> None:
    stats = parse_memstats((RECORDED / f"{version}.sampled.heap.txt").read_text())
    assert 1_400 < stats.heap_objects < 10_000, "300 requests keep three objects each"
    assert 700_000 < stats.heap_alloc_bytes < 2_000_000, "524,288 bytes are a slice made at start"
    assert stats.mallocs > stats.heap_objects
    assert stats.num_gc >= 3


def test_the_numbers_are_those_of_the_trailer() -> None:
    assert parse_memstats(TRAILER) == MemStats(1000, 70, 500, 3)


def test_live_objects_are_mallocs_less_frees_where_they_are_not_given() -> None:
    without = TRAILER.replace("# HeapObjects = 70\n", "")
    assert parse_memstats(without).heap_objects == 70


def test_only_the_last_trailer_counts() -> None:
    """A function or label of the service may be called like the trailer."""
    fake = "#\t0x1\t# runtime.MemStats\n# HeapAlloc = 5\n# HeapObjects = 5\n"
    without = TRAILER.replace("# HeapObjects = 70\n", "")
    assert parse_memstats(fake + without) == MemStats(1000, 70, 500, 3)


@pytest.mark.parametrize("text", ["", "<html>", "heap profile: 0: 0 [0: 0] @ heap/524288\n"])
def test_text_without_a_trailer_is_refused(text: str) -> None:
    with pytest.raises(ProfileError, match=r"no runtime\.MemStats"):
        parse_memstats(text)


def test_a_cut_trailer_names_what_is_missing() -> None:
    with pytest.raises(ProfileError, match="NumGC"):
        parse_memstats(TRAILER.partition("# NumGC")[0])


@settings(deadline=None)
@given(st.binary())
def test_whatever_arrives(data: bytes) -> None:
    text = data.decode("latin-1")
    for whole in (text, TRAILER + text, "# runtime.MemStats\n" + text):
        with suppress(ProfileError):
            assert isinstance(parse_memstats(whole), MemStats)
