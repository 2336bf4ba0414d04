"""What is known of holders, and findings that one holder explains."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.causes.explaining import explain
from pytest_echoleak.causes.held import fold_by_holder, with_holders
from pytest_echoleak.pprof.frames import short_function
from pytest_echoleak.results import Finding, FindingKind, HeldBy, Location

WAIT = Location("example.com/shop/jobs.wait", "jobs/wait.go", 7)
OPEN = Location("main.open", "main.go", 12)
KEY = Location("main.key", "main.go", 30)
SERVE = Location("net/http.(*conn).serve", "server.go", 2000)
SESSIONS = HeldBy(
    "package variable",
    ("main.sessions (package variable)", "map[int]*main.session"),
    container="map",
    container_number=1,
    objects=100,
    alone=100,
)
GOROUTINES = HeldBy(
    "goroutine",
    ("goroutine jobs.wait [chan receive]", "[]byte"),
    goroutine="jobs.wait",
    goroutines=100,
    objects=100,
    alone=100,
)


def finding(place: Location, kind: FindingKind = "heap", count: int = 100) -> Finding:
    heap = kind == "heap"
    return Finding(
        kind=kind,
        location=place,
        stack=(place, SERVE) if heap else (place,),
        stacks=1,
        objects_per_iteration=float(heap),
        bytes_per_iteration=64.0 * heap,
        goroutines_per_iteration=float(not heap),
        objects=count * heap,
        bytes=64 * count * heap,
        goroutines=count * (not heap),
        evidence="exact",
    )


def clues(
    place: Location,
    *holders: HeldBy,
    kind: FindingKind = "heap",
    containers: frozenset[int] = frozenset(),
) -> Clues:
    found = finding(place, kind)
    grown = Grown(kind, found.stack, (), (True,) * len(found.stack), 100, 6_400)
    return with_holders(Clues(found, (grown,)), holders, containers)


def test_the_largest_holder_is_shown_and_those_of_most_are_clues() -> None:
    few = replace(SESSIONS, root_kind="finalizer", container_number=2, share=0.05)
    held = clues(OPEN, SESSIONS, few)
    assert held.finding.held_by == SESSIONS.path
    assert held.finding.holders == (SESSIONS, few)
    assert held.holders == (SESSIONS,)


@pytest.mark.parametrize(("own_bytes", "place"), [(600, OPEN), (6_000, SERVE)])
def test_what_a_library_makes_stands_at_the_line_that_keeps_it(
    own_bytes: float, place: Location
) -> None:
    """A few bytes of the user's own among it change nothing."""
    found = finding(SERVE)
    grown = (
        Grown("heap", (SERVE,), (), (False,), 100, 6_400),
        Grown("heap", (KEY, SERVE), (), (True, False), 1, own_bytes),
    )
    holder = replace(SESSIONS, container_location=OPEN)
    assert with_holders(Clues(found, grown), (holder,)).finding.location == place


@pytest.mark.parametrize(("share", "place"), [(0.55, OPEN), (0.45, SERVE)])
def test_most_of_it_must_lie_there_though_a_log_holds_some_of_it_for_a_while(
    share: float, place: Location
) -> None:
    found = finding(SERVE)
    grown = (Grown("heap", (SERVE,), (), (False,), 100, 6_400),)
    holder = replace(SESSIONS, container_location=OPEN, share=share)
    log = replace(SESSIONS, container="", container_number=0, share=0.3)
    assert with_holders(Clues(found, grown), (holder, log)).finding.location == place


def test_timers_and_what_their_functions_have_are_one_finding_and_other_timers_another() -> None:
    def by_timer(*path: str, share: float = 1.0) -> HeldBy:
        return replace(
            SESSIONS,
            root_kind="timer",
            path=("a timer", *path),
            container="timer heap",
            container_number=0,
            share=share,
        )

    retry = f"func {short_function(OPEN.function)}.func1"
    timers = clues(OPEN, by_timer())
    captured = clues(
        KEY, by_timer(retry, "e *event", share=0.5), by_timer(retry, "wait *int", share=0.5)
    )
    other = clues(replace(KEY, function="main.query"), by_timer("func main.query.func1"))
    found = fold_by_holder([captured, timers, other])
    assert [one.finding.location.function for one in found] == [OPEN.function, "main.query"]
    assert found[0].finding.objects == 200


def test_what_hangs_from_one_container_is_one_finding_at_the_line_of_most_bytes() -> None:
    (one,) = fold_by_holder([clues(KEY, SESSIONS), clues(OPEN, SESSIONS)])
    assert (one.finding.objects, one.finding.bytes) == (200, 12_800)
    assert len(one.grown) == 2


def test_of_several_lines_that_of_the_function_stands_for_all_which_adds_what_it_makes() -> None:
    """A span has attributes, which take more bytes; and the map, too, was enlarged somewhere."""
    span = replace(
        SESSIONS,
        path=("main.active", "map[int]*span", "*span"),
        container_type="map[int]*span",
        container_location=replace(OPEN, line=OPEN.line + 5),
    )
    attributes = replace(span, path=(*span.path, "attributes map[string]string"))
    room = replace(span, path=span.path[:2])
    adds = clues(OPEN, span)
    for order in ([clues(KEY, attributes), adds], [clues(OPEN, room), clues(KEY, span), adds]):
        (one,) = fold_by_holder(order)
        assert one.finding.location == OPEN
        assert one.finding.stack == adds.finding.stack
    (one,) = fold_by_holder([clues(KEY, attributes), clues(replace(OPEN, line=1), room)])
    assert one.finding.location == KEY, "it makes nothing that is kept"


def test_the_nodes_of_a_list_are_no_room_for_others() -> None:
    node = replace(
        SESSIONS,
        path=("main.chain (package variable)", "*main.node"),
        container="linked list",
        container_type="*main.node",
        container_location=OPEN,
    )
    text = replace(node, path=(*node.path, "text string"))
    (one,) = fold_by_holder([clues(KEY, text), clues(OPEN, node)])
    assert one.finding.location == OPEN


def test_what_no_dump_tells_of_a_slice_is_found_by_the_line_that_enlarges_it() -> None:
    session = replace(SESSIONS, container_location=KEY)
    assert len(fold_by_holder([clues(OPEN, session), clues(KEY)])) == 1
    assert len(fold_by_holder([clues(OPEN, session), clues(WAIT)])) == 2


def test_two_containers_are_two_findings() -> None:
    other = replace(SESSIONS, container_number=2)
    assert len(fold_by_holder([clues(OPEN, SESSIONS), clues(KEY, other)])) == 2


def test_library_heap_of_a_goroutine_does_not_join_it_to_another_leak() -> None:
    """Both come once for each call, and have nothing to do with each other."""
    waiting = clues(WAIT, kind="goroutine")
    buffer = Clues(finding(SERVE), (Grown("heap", (SERVE,), (), (False,), 100, 64_000),))
    held = with_holders(buffer, (GOROUTINES,))
    rows = Grown(
        "heap",
        (
            Location("database/sql.(*DB).queryDC", "sql.go", 1),
            Location("database/sql.(*DB).QueryContext", "sql.go", 2),
            OPEN,
        ),
        (),
        (False, False, True),
        100,
        6_400,
    )
    told = explain(fold_by_holder([waiting, held, Clues(finding(OPEN), (rows,))]))
    assert [one.goroutines for one in told] == [100, 0]


def test_what_finalizers_of_one_type_keep_is_one_finding() -> None:
    one = replace(SESSIONS, container="", container_number=0, root_kind="finalizer")
    one = replace(one, path=("the finalizer of *main.doc", "pages []*main.page"))
    same, other = replace(one, path=(one.path[0], "name string")), replace(one, path=("of *x",))
    assert len(fold_by_holder([clues(OPEN, one), clues(KEY, same), clues(WAIT, other)])) == 2


def test_what_leaked_goroutines_alone_hold_is_theirs() -> None:
    (one,) = fold_by_holder([clues(OPEN, GOROUTINES), clues(WAIT, kind="goroutine")])
    assert one.finding.kind == "goroutine"
    assert (one.finding.goroutines, one.finding.objects) == (100, 100)


def test_what_others_hold_too_is_not() -> None:
    shared = replace(GOROUTINES, alone=10)
    assert len(fold_by_holder([clues(OPEN, shared), clues(WAIT, kind="goroutine")])) == 2


@pytest.mark.parametrize(("others", "findings"), [(0, 1), (1, 3)])
def test_a_goroutine_without_a_name_is_told_where_it_is_the_only_one(
    others: int, findings: int
) -> None:
    wrapped = replace(GOROUTINES, goroutine="main.open.gowrap1")
    waiting = [clues(WAIT, kind="goroutine")]
    waiting += [clues(Location("main.poll", "main.go", 50), kind="goroutine")] * others
    assert len(fold_by_holder([clues(OPEN, wrapped), *waiting])) == findings


def test_a_wrapper_gets_the_name_of_the_goroutines_that_it_started() -> None:
    wrapped = replace(
        GOROUTINES,
        goroutine="main.open.gowrap1",
        path=("goroutine main.open.gowrap1 [chan receive], v", "[]byte"),
    )
    library = replace(clues(WAIT, kind="goroutine"), grown=())
    (one,) = fold_by_holder([clues(OPEN, wrapped), library])
    assert one.finding.location == OPEN, "the user's own line stands for a library's goroutine"
    assert one.finding.held_by == ("goroutine jobs.wait [chan receive], v", "[]byte")
    assert one.finding.holders[0].goroutine == "jobs.wait"


def test_a_slice_that_grows_is_one_finding_with_what_is_in_it() -> None:
    """A middleware keeps requests in a map of slices: who allocates what is all one."""
    slices = replace(SESSIONS, container="map", container_number=2)
    requests = replace(SESSIONS, container="slice", container_number=3)
    members = [
        clues(OPEN, SESSIONS, containers=frozenset({2})),
        clues(KEY, slices, containers=frozenset({3})),
        clues(SERVE, requests),
    ]
    for order in permutations(members):
        (folded,) = fold_by_holder(order)
        assert folded.finding.location == order[0].finding.location
        assert folded.finding.objects == 300


def test_goroutines_that_begin_alike_are_findings_of_their_own() -> None:
    """A library starts them: its function is the entry of all."""
    library = Location("golang.org/x/sync/errgroup.(*Group).Go.func1", "errgroup.go", 80)
    started = [
        replace(one, finding=replace(one.finding, stack=(place, library)))
        for place in (OPEN, KEY)
        for one in [clues(place, kind="goroutine")]
    ]
    assert len(fold_by_holder(started)) == 2
