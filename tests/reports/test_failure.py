"""The text of a failure: what a developer reads first, and should need nothing beside."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_echoleak.reports.failure import failure_text
from pytest_echoleak.results import SHARED_BLOCKS, HeldBy, LeakReport, Location
from tests.reports.made import AUDIT, HANDLER, READ_REQUEST, SERVE, goroutine, heap, leak, report


def test_the_whole_text_of_a_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".echoleak" / "test_get_user"
    files = tuple(str(folder / f"{name}.heap.pb.gz") for name in ("before", "after"))
    text = failure_text(leak(heap(stacks=3), goroutine(), artifacts=files))
    assert text.splitlines() == [
        "GET /users/42 leaks 1.000 object (64 B) and 1.000 goroutine per request,"
        " over 1,000 requests",
        "",
        "  1.  64 B, 1.000 object per request, exact             "
        "internal/handlers/user.go:42  handlers.(*User).Get",
        "      with      2 more stacks there",
        "  2.  1.000 goroutine per request, proven unreachable   "
        "internal/handlers/audit.go:17  handlers.audit.func1",
        "",
        "  measured  1,000 in 5 rounds after 200 to warm up, 3.2 s",
        "  service   GoSource(shop) (docker, go1.27.3)",
        "  profiles  .echoleak/test_get_user/   go tool pprof -diff_base before.heap.pb.gz"
        " after.heap.pb.gz",
        "  again     pytest tests/test_users.py::test_get_user",
    ]


def test_holder_cause_and_fix_stand_where_they_are_known() -> None:
    known = heap(
        cause="unbounded-map",
        cause_text="a map without bound",
        fix="delete the entry when the request ends",
        see="go doc builtin.delete",
        request="leaks in POST /orders (1.000 per request); GET /orders/{i} does not",
        held_by=("main.sessions (package variable)", "map[int]*Session", "[]byte"),
        retained_bytes=77_000,
    )
    lines = [line.strip() for line in failure_text(leak(known)).splitlines()]
    assert "held by   main.sessions (package variable) -> map[int]*Session -> []byte" in lines
    assert "retains   77 kB" in lines
    assert "cause     a map without bound (unbounded-map)" in lines
    assert "fix       delete the entry when the request ends" in lines
    assert "see       go doc builtin.delete" in lines
    assert "request   leaks in POST /orders (1.000 per request); GET /orders/{i} does not" in lines


def test_the_line_that_puts_it_away_is_named_where_it_is_another_than_the_one_that_allocates() -> (
    None
):
    put = Location("example.com/shop/internal/store.(*Store).Put", "internal/store/store.go", 9)
    kept = HeldBy(
        "package variable",
        ("store.users (package variable)", "map[int]*User"),
        "map",
        "store.users",
        "map[int]*User",
        container_location=put,
    )
    grows = "grows     store.users, map[int]*User"
    lines = [line.strip() for line in failure_text(leak(heap(holders=(kept,)))).splitlines()]
    assert f"{grows}, at internal/store/store.go:9  store.(*Store).Put" in lines
    here = replace(kept, container_location=HANDLER)
    lines = [line.strip() for line in failure_text(leak(heap(holders=(here,)))).splitlines()]
    assert grows in lines


def test_a_cause_without_an_identifier_is_told_by_its_sentence() -> None:
    text = failure_text(leak(heap(cause_text="idle connections pile up")))
    assert "      cause     idle connections pile up\n" in text


def test_what_a_goroutine_waits_in_stands_behind_its_function() -> None:
    text = failure_text(leak(goroutine(state="chan send")))
    assert "internal/handlers/audit.go:17  handlers.audit.func1 [chan send]\n" in text


def test_what_is_not_known_takes_no_line() -> None:
    text = failure_text(leak(artifacts=()))
    for label in ("held by", "retains", "request", "cause", "fix", "see", "note", "profiles"):
        assert f"  {label}  " not in text


def test_of_many_findings_the_largest_are_shown_and_the_rest_counted() -> None:
    text = failure_text(leak(*[heap()] * 7))
    assert "  5.  64 B" in text
    assert "  6.  64 B" not in text
    assert "and 2 smaller findings more" in text
    assert "and 1 smaller finding more" in failure_text(leak(*[heap()] * 6))


def test_kept_whole_requests_are_said_to_be_that() -> None:
    kept = heap(
        location=READ_REQUEST,
        stack=(READ_REQUEST, SERVE),
        objects_per_iteration=9.0,
        bytes_per_iteration=1040.0,
    )
    text = failure_text(leak(kept))
    assert "whole requests" in text
    assert "each request leaves 9.000 parts (1,040 B) behind" in text
    assert "look for what keeps a request" in text
    assert "whole requests" not in failure_text(leak(heap(stack=(HANDLER, READ_REQUEST))))


def test_what_the_users_line_called_is_shown_down_to_the_allocation() -> None:
    grow = Location("bytes.growSlice", "bytes/buffer.go", 252)
    assert "  through   bytes/buffer.go:252  bytes.growSlice" in failure_text(
        leak(heap(stack=(grow, HANDLER, SERVE)))
    )
    assert "through" not in failure_text(leak(heap(stack=(HANDLER, SERVE))))
    deep = failure_text(leak(heap(stack=(*[grow] * 9, HANDLER, SERVE))))
    assert deep.count("bytes.growSlice") == 4
    assert "(and 5 frames up to it)" in deep


def test_what_stands_at_no_line_has_no_line() -> None:
    shared = Location(SHARED_BLOCKS, "", 0)
    text = failure_text(report(verdict="leak", findings=(heap(location=shared, stack=()),)))
    assert "exact   (shared small blocks)\n" in text


def test_the_place_is_one_that_terminals_and_editors_follow() -> None:
    assert f"{AUDIT.file}:{AUDIT.line}" in failure_text(leak(goroutine())).split()


def test_the_command_to_run_it_again_can_be_pasted() -> None:
    text = failure_text(leak(nodeid="tests/test_a.py::test_x[a b]"))
    assert "pytest 'tests/test_a.py::test_x[a b]'" in text
    assert "again" not in failure_text(leak(nodeid=""))


def test_profiles_elsewhere_keep_their_whole_path(tmp_path: Path) -> None:
    text = failure_text(leak(artifacts=(f"{tmp_path}/goroutine.pb.gz",)))
    assert f"  profiles  {tmp_path}{os.sep}   goroutine.pb.gz" in text


def inconclusive(**changes: object) -> LeakReport:
    return report(**{"verdict": "inconclusive", "reason": "too little evidence", **changes})


@pytest.mark.parametrize(
    ("seconds", "round_iterations", "is_said"),
    [(70.0, (381, 381, 381, 2286), True), (1.9, (381, 381, 381, 2286), False), (70.0, (9,), False)],
)
def test_a_leak_that_took_long_to_tell_from_a_cache_says_how_to_know_sooner(
    seconds: float, round_iterations: tuple[int, ...], is_said: bool
) -> None:
    text = failure_text(leak(seconds=seconds, round_iterations=round_iterations))

    assert ("  sooner    with a lower plateau=" in text) == is_said


def test_an_inconclusive_check_says_what_to_change_below_its_headline() -> None:
    reason = "100 iterations cannot show a leak in one of 100: that takes 691 (iterations=691)"
    lines = failure_text(inconclusive(iterations=100, reason=reason)).splitlines()
    assert lines[0] == (
        "GET /users/42 is inconclusive after 100 requests:"
        " 100 iterations cannot show a leak in one of 100"
    )
    assert "  change    that takes 691 (iterations=691)" in lines


def test_growth_that_did_not_settle_is_shown_with_what_to_change() -> None:
    text = failure_text(inconclusive(findings=(heap(),)))
    assert text.startswith("GET /users/42 is inconclusive after 1,000 requests: too little")
    assert "internal/handlers/user.go:42" in text
    assert "  change    give it more iterations" in text


def test_what_only_went_up_and_down_is_not_shown() -> None:
    still = heap(objects_per_iteration=0.0, bytes_per_iteration=-1.0, objects=0, bytes=-30)
    text = failure_text(inconclusive(findings=(still, goroutine())))
    assert "user.go" not in text
    assert "  1.  1.000 goroutine" in text


def test_unused_allows_are_told() -> None:
    text = failure_text(leak(unused_allows=("main.cache*",)))
    assert "unused    Allow for main.cache*: it matched nothing here" in text


def test_text_from_the_service_cannot_harm_the_terminal() -> None:
    evil = "\x1b]0;x\x07\u202e\n"
    place = type(HANDLER)(f"main.{evil}", f"{evil}.go", 1)
    text = failure_text(
        leak(
            heap(
                location=place,
                stack=(place, HANDLER),
                note=evil,
                state=evil,
                request=evil,
                cause_text=evil,
                fix=evil,
                see=evil,
                held_by=(evil,),
            ),
            service=evil,
            reason=evil,
            workload=evil,
            unused_allows=(evil,),
        )
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
