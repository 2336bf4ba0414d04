"""One cause is one finding; nothing is lost or counted twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.explaining import explain
from pytest_echoleak.results import Finding, HeldBy
from tests.causes import record
from tests.causes.made import HANDLER, allocated, clues, container, held, waiting, waiting_in_own

RECORDED = record.load()
READ_LOOP = "net/http.(*persistConn).readLoop"
BODY = [
    clues(waiting("runtime.selectgo", READ_LOOP)),
    clues(waiting("runtime.selectgo", "net/http.(*persistConn).writeLoop")),
    clues(allocated("net/http.(*Transport).roundTrip", "net/http.(*Client).Get", count=9000)),
]


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_counts_stay_what_they_were(name: str) -> None:
    before = [one.finding for one in RECORDED[name]]
    after = explain(RECORDED[name])
    for count in ("objects", "bytes", "goroutines", "stacks"):
        assert total(after, count) == total(before, count), count
    assert total(after, "objects_per_iteration") == pytest.approx(
        total(before, "objects_per_iteration")
    )


def total(findings: object, count: str) -> float:
    assert isinstance(findings, list | tuple)
    return float(sum(getattr(one, count) for one in findings))


@pytest.mark.parametrize("name", ["weather/leak", "example/body", "example/rows", "ledger"])
def test_a_forgotten_close_is_one_finding_at_the_users_line(name: str) -> None:
    (found,) = [one for key in RECORDED if key.startswith(name) for one in explain(RECORDED[key])]
    assert not found.location.function.startswith(("net/http.", "database/sql."))
    assert found.cause in ("unclosed-response-body", "sql-rows-not-closed")


def test_what_a_cause_gathers_is_added_up_and_placed_at_the_users_line() -> None:
    (found,) = explain(BODY)
    assert found.location == HANDLER
    assert (found.objects, found.goroutines, found.stacks) == (9000, 2000, 3)
    assert (found.cause, found.evidence) == ("unclosed-response-body", "exact")


def test_goroutines_of_a_library_that_hold_what_a_line_of_the_users_made_stand_at_that_line() -> (
    None
):
    """A holder has put the blocks that the transaction shares with others to the goroutines."""
    ends = waiting("runtime.chanrecv", "database/sql.(*Tx).awaitDone")
    blocks = allocated("database/sql.(*DB).begin", "database/sql.(*DB).BeginTx", count=100)
    library = clues(ends, blocks, finding={"location": ends.stack[0]})
    begun = clues(allocated("database/sql.(*DB).begin", "database/sql.(*DB).BeginTx", count=3000))
    (found,) = explain([library, begun])
    assert found.location == HANDLER
    assert (found.cause, found.goroutines, found.note) == ("sql-conn-not-returned", 1000, "")


def test_what_comes_in_step_from_foreign_code_is_gathered_and_what_does_not_is_not() -> None:
    server = clues(waiting("runtime.netpollblock", "net.Read", "net/http.(*conn).serve"))
    other = clues(waiting("runtime.netpollblock", "net.Read", "lib.serve", count=350))
    own = clues(waiting_in_own("runtime.netpollblock", below=("net.Read",)))
    assert len(explain([*BODY, server])) == 1
    assert len(explain([*BODY, other])) == 2
    assert len(explain([*BODY, own])) == 2


def test_who_holds_a_part_of_what_one_cause_explains_is_named() -> None:
    elements = clues(allocated(size=640), container(inner="runtime.growslice"))
    place = type(HANDLER)("main.(*book).add", "book.go", 3)
    slots = clues(
        container(inner="runtime.growslice"),
        finding={"location": place, "holders": (held("slice", container_location=place),)},
    )
    (found,) = explain([elements, slots])
    assert [one.container for one in found.holders] == ["slice"]


def test_two_leaks_of_one_kind_in_two_containers_are_two() -> None:
    one = clues(allocated(), container(inner="runtime.mapassign"))
    place = type(HANDLER)("example.com/shop/users.Add", "users.go", 3)
    moved = [
        type(grown)(
            grown.kind,
            tuple(place if frame == HANDLER else frame for frame in grown.stack),
            *(grown.inner, grown.own, grown.count, grown.bytes),
        )
        for grown in one.grown
    ]
    assert len(explain([one, clues(*moved)])) == 2


def test_a_channel_goes_with_the_goroutine_that_waits_for_it() -> None:
    blocked = clues(waiting_in_own("runtime.chansend"))
    channel = clues(allocated(inner="runtime.makechan"))
    (found,) = explain([channel, blocked])
    assert (found.kind, found.state, found.objects) == ("goroutine", "chan send", 1000)


def test_so_does_a_channel_that_is_also_in_a_map() -> None:
    blocked = clues(waiting_in_own("runtime.chanrecv"))
    goroutines = HeldBy("goroutine", ("goroutine main.act [chan receive]",), goroutine="main.act")
    others = held("map", "map[string]chan string")
    channel = clues(allocated(inner="runtime.makechan"), holders=(goroutines, others))
    (found,) = explain([channel, blocked])
    assert (found.goroutines, found.objects) == (1000, 1000)
    few = replace(goroutines, share=0.5)
    assert len(explain([replace(channel, holders=(few, others)), blocked])) == 2


def test_other_lines_of_the_users_are_named() -> None:
    elsewhere = type(HANDLER)("main.fetch", "fetch.go", 9)
    second = allocated("net/http.(*Transport).dial", count=1000)
    stack = tuple(elsewhere if frame == HANDLER else frame for frame in second.stack)
    moved = type(second)(second.kind, stack, second.inner, second.own, second.count, second.bytes)
    (found,) = explain([*BODY, clues(moved)])
    assert found.note == "also at fetch.go:9"


def test_users_own_causes_come_first() -> None:
    own = Cause("tenant", "a tenant is kept", "release it", "", lambda _: True)
    (found,) = explain([clues(allocated("time.NewTicker"))], [own])
    assert (found.cause, found.cause_text, found.fix) == ("tenant", own.text, own.fix)


def test_a_cause_that_fails_is_left_out_with_a_warning() -> None:
    def broken(_: object) -> bool:
        raise KeyError("x")

    own = Cause("broken", "", "", "", broken)
    found: tuple[Finding, ...]
    with pytest.warns(RuntimeWarning, match="the cause 'broken' was left out: KeyError"):
        found = explain([clues(allocated("time.NewTicker"))], [own])
    assert [one.cause for one in found] == ["ticker-not-stopped"]


def test_what_may_keep_requests_is_noted() -> None:
    (found,) = explain(RECORDED["example/request"])
    line = found.note.rpartition("as often grew: ")[2]
    assert line == "slice at internal/middleware/recent.go:25"
