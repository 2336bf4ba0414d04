"""Objects under 16 bytes share blocks: which line keeps them the profile cannot tell."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.results import Finding
from pytest_echoleak.series import Growth
from pytest_echoleak.small_blocks import candidates, shared
from tests.made_series import HANDLER, SERVE, growth, judged, series

ROUNDS = (381, 381, 381, 2286, 1429, 1228, 1160, 1109, 1645)
ID: Stack = (HANDLER._replace(function="example.com/shop.id", line=7), HANDLER, SERVE)
HEADER: Stack = (
    Frame("net/textproto.readMIMEHeader", "/go/src/net/textproto/reader.go", 530),
    Frame("net/http.readRequest", "/go/src/net/http/request.go", 1100),
    SERVE,
)
OTHER: Stack = (HANDLER._replace(function="example.com/shop.other", line=90), SERVE)


def part(share: float, seed: int = 1) -> Growth:
    source = random.Random(seed)
    return growth([round(n * share + source.uniform(-2, 2)) for n in ROUNDS], 16)


def found(**stacks: Growth) -> tuple[Finding, ...]:
    names = {"id": ID, "header": HEADER, "other": OTHER}
    return judged(series(ROUNDS, {names[name]: one for name, one in stacks.items()})).steady


def test_blocks_that_two_lines_opened_are_one_finding_that_accuses_neither() -> None:
    (finding,) = found(id=part(0.5, 1), header=part(0.5, 2))
    assert finding.location.function == "(shared small blocks)"
    assert finding.objects_per_iteration == pytest.approx(1, abs=0.01)
    assert finding.note.startswith("shared small blocks: objects under 16 B")
    for line in ("shop.id", "net/http.readRequest"):
        assert line in finding.note


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 4))
def test_two_leaks_of_one_small_object_each_are_two(first: int, second: int) -> None:
    one, two = found(
        id=growth([first * n for n in ROUNDS], 16), other=growth([second * n for n in ROUNDS], 16)
    )
    assert {one.location.function, two.location.function} == {
        "example.com/shop.id",
        "example.com/shop.other",
    }
    assert "shared" not in one.note + two.note


@settings(deadline=None)
@given(st.integers(2, 98), st.integers(0, 1000))
def test_the_parts_add_up_to_the_leak(percent: int, seed: int) -> None:
    share = percent / 100
    (finding,) = found(id=part(share, seed), header=part(1 - share, seed + 1))
    assert finding.objects_per_iteration == pytest.approx(1, abs=0.01)


def test_a_leak_that_sharing_splits_below_detect_is_not_lost() -> None:
    rates = {"id": 0.004, "header": 0.004, "other": 0.004}
    parts = {name: growth([round(n * rate) for n in ROUNDS], 16) for name, rate in rates.items()}
    assert all(not found(**{name: one}) for name, one in parts.items()), "each is excluded"
    judgement = judged(
        series(ROUNDS, {ID: parts["id"], HEADER: parts["header"], OTHER: parts["other"]})
    )
    (finding,) = judgement.steady + judgement.unclear
    assert "shared small blocks" in finding.note


def test_what_else_grows_at_one_of_the_lines_tells_who_keeps_them() -> None:
    elsewhere = found(id=part(0.6, 1), header=part(0.4, 2), other=growth(ROUNDS, 64))
    assert sorted(one.location.function for one in elsewhere) == [
        "(shared small blocks)",
        "example.com/shop.other",
    ]
    same: Stack = (Frame("lib.new", "/m/lib@v1.0.0/l.go", 1), *ID)
    made = series(ROUNDS, {same: growth(ROUNDS, 64), ID: part(0.6, 1), HEADER: part(0.4, 2)})
    (finding,) = judged(made).steady
    assert finding.location.function == "example.com/shop.id"
    assert finding.objects_per_iteration == pytest.approx(2, abs=0.01)


def test_a_fraction_at_one_line_alone_is_that_line_s() -> None:
    (finding,) = found(id=part(0.5))
    assert finding.location.function == "example.com/shop.id"


@pytest.mark.parametrize(
    ("what", "shares"),
    [
        (part(0.5), True),
        (growth(ROUNDS, 16), False),
        (growth([2 * n for n in ROUNDS], 16), False),
        (growth([n + (1 if k % 2 else -1) for k, n in enumerate(ROUNDS)], 16), False),
        (growth([0, 0, 381, *ROUNDS[3:]], 16), False),
        (growth([n // 2 for n in ROUNDS], 32), False),
        (growth([n // 2 for n in ROUNDS], 8), False),
        (growth([0 for _ in ROUNDS], 16), False),
    ],
)
def test_sharing_shows_as_a_fraction_of_blocks(what: Growth, shares: bool) -> None:
    assert bool(shared({ID: what}, ROUNDS)) is shares


def test_lines_that_take_turns_share() -> None:
    """Recorded: for thousands of requests one line opens the blocks, and then the other."""
    first = (194, *ROUNDS[1:])
    one, two = growth(first, 16), growth((187, *(0 for _ in ROUNDS[1:])), 16)
    assert shared({ID: one, HEADER: two}, ROUNDS) == {ID: one, HEADER: two}
    assert shared({ID: one, OTHER: one}, ROUNDS) == {}, "two leaks that began late"
    (finding,) = found(id=one, header=two)
    assert finding.objects_per_iteration == 1.0
    assert "shop.id" in finding.note


def test_go_s_own_code_is_not_accused_of_small_blocks() -> None:
    """In step with the requests, net/http alone may open what the service keeps."""
    (finding,) = found(header=growth(ROUNDS, 16))
    assert finding.location.function == "(shared small blocks)"
    assert "candidate lines: " in finding.note
    (larger,) = found(header=growth(ROUNDS, 32))
    assert larger.location.function == "net/http.readRequest"


def test_a_stray_block_is_no_candidate() -> None:
    stacks = {ID: part(0.5), HEADER: part(0.4), OTHER: growth([1, 0, 0, 0, 0, 0, 0, 0, 0], 16)}
    assert candidates(stacks) == [ID, HEADER]
