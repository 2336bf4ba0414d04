"""From snapshots to growth per round, our own marks taken out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.pprof.memstats import MemStats
from pytest_echoleak.series import Growth, Round, allocated_by_load, make_series
from pytest_echoleak.snapshots.snapshot import Snapshot
from tests.made_series import HANDLER, SERVE, SITE, WAITING
from tests.made_snapshots import snapshot

OTHER: Stack = (HANDLER._replace(line=50), SERVE)
TICKING: Stack = (Frame("example.com/shop.tick", "/src/shop/tick.go", 1),)
PPROF: Stack = (Frame("runtime/pprof.writeHeapProto", "", 1), SERVE)
LABELLED: Stack = (HANDLER, Frame("runtime/pprof.Do", "", 1), SERVE)


def rounds(*snapshots: Snapshot, iterations: int = 100) -> list[Round]:
    return [Round(iterations, before, after) for before, after in pairwise(snapshots)]


def test_growth_is_per_round_and_per_stack() -> None:
    made = make_series(
        rounds(snapshot({SITE: 5}), snapshot({SITE: 8, OTHER: 1}), snapshot({SITE: 7, OTHER: 1}))
    )
    assert made.iterations == (100, 100)
    assert made.exact
    assert made.heap == {
        SITE: Growth((3, -1), (192, -64)),
        OTHER: Growth((1, 0), (64, 0)),
    }
    assert made.totals == Growth((4, -1), (256, -64))


def test_what_did_not_change_is_not_in_it() -> None:
    made = make_series(rounds(snapshot({SITE: 5}), snapshot({SITE: 5})))
    assert made.heap == {}


def test_goroutines_are_counted_per_stack_those_without_a_stack_left_out() -> None:
    made = make_series(rounds(snapshot({}, {WAITING: 1, (): 1}), snapshot({}, {WAITING: 4, (): 9})))
    assert made.goroutines == {WAITING: Growth((3,), (0,))}


def test_the_allocators_paths_are_one_stack() -> None:
    slow = (Frame("runtime.mallocgc", "", 1), *SITE)
    made = make_series(rounds(snapshot({SITE: 1}), snapshot({SITE: 11, slow: 10})))
    assert made.heap == {SITE: Growth((20,), (1280,))}


def test_pprofs_own_stacks_and_the_runtimes_caches_are_never_counted() -> None:
    malg = (Frame("runtime.malg", "", 1), *SITE)
    made = make_series(
        rounds(snapshot(), snapshot({PPROF: 100, malg: 50}, {PPROF: 1}), iterations=1)
    )
    assert made.heap == {}
    assert made.goroutines == {}


def test_user_code_below_pprof_do_is_counted() -> None:
    made = make_series(rounds(snapshot(), snapshot({LABELLED: 100}, {LABELLED: 3})))
    assert made.heap[LABELLED].count == (100,)
    assert made.goroutines[LABELLED].count == (3,)


def test_a_sampled_series_has_its_totals_from_memstats() -> None:
    stats = [MemStats(1000, 10, 100, 1), MemStats(1640, 20, 200, 3)]
    made = make_series(rounds(*(snapshot({SITE: 1}, memstats=one) for one in stats)))
    assert not made.exact
    assert made.totals == Growth((10,), (640,))


class TestOwnRequests:
    @settings(deadline=None)
    @given(
        st.integers(1, 5), st.integers(0, 3), st.lists(st.integers(1, 50), min_size=1, max_size=6)
    )
    def test_what_each_request_of_ours_leaks_is_subtracted_exactly(
        self, per_request: int, leak: int, own: list[int]
    ) -> None:
        """pprof is served by the service's router, behind the leaking middleware."""
        count, requests = 7, 10
        shots = [snapshot({SITE: count}, {WAITING: count}, requests=requests)]
        for more in own:
            count += per_request * more + leak * 100
            requests += more
            shots.append(snapshot({SITE: count}, {WAITING: count}, requests=requests))
        idle_after = count + per_request * 4
        idle = Round(
            0,
            shots[-1],
            snapshot({SITE: idle_after}, {WAITING: idle_after}, requests=requests + 4),
        )
        made = make_series(rounds(*shots), idle)
        expected = [leak * 100] * len(own)
        assert list(made.heap[SITE].count if SITE in made.heap else expected) == expected
        assert list(made.heap[SITE].bytes) == [64 * count for count in expected]
        assert list(made.goroutines[WAITING].count) == expected
        assert list(made.totals.count) == expected

    def test_a_leak_of_the_load_is_not_touched_by_the_idle_round(self) -> None:
        shots = [snapshot({SITE: k * 100}, requests=k * 3) for k in range(4)]
        idle = Round(0, shots[-1], snapshot({SITE: 300}, requests=12))
        assert make_series(rounds(*shots), idle).heap[SITE].count == (100, 100, 100)

    def test_what_fell_while_idle_must_come_again_before_the_round_behind_it_grows(self) -> None:
        """A cache whose entries live for a second is as full as it was when the load paused."""
        shots = [snapshot({SITE: count}, at=count) for count in (0, 100, 200)]
        rested = snapshot({SITE: 30}, at=1_200)
        behind = Round(100, rested, snapshot({SITE: 210}, at=1_300))
        made = make_series([*rounds(*shots), behind], Round(0, shots[-1], rested))
        assert made.heap[SITE].count == (100, 100, 10)
        assert made.totals.count == (100, 100, 10)

    def test_so_must_what_fell_in_an_idle_round_before_the_last_one(self) -> None:
        shots = [snapshot({SITE: n}) for n in (0, 400, 0, 380, 0)]
        loaded = [Round(100, shots[0], shots[1]), Round(100, shots[2], shots[3])]
        later = Round(0, shots[3], shots[4])
        assert make_series(loaded, later).heap[SITE].count == (400, -20)
        assert make_series(loaded, later).totals.count == (400, -20)

    def test_what_fell_while_idle_is_not_added(self) -> None:
        shots = [snapshot({SITE: k * 100}, requests=k * 3) for k in range(4)]
        idle = Round(0, shots[-1], snapshot({SITE: 200}, requests=12))
        assert make_series(rounds(*shots), idle).heap[SITE].count == (100, 100, 100)


class TestClock:
    def test_what_grows_with_time_is_subtracted(self) -> None:
        """Ten a second, load or not."""
        shots = [snapshot({TICKING: 10 * at}, at=at, requests=at) for at in (0, 5, 10, 15)]
        idle = Round(0, shots[-1], snapshot({TICKING: 170}, at=17, requests=18))
        made = make_series(rounds(*shots), idle)
        assert max(made.heap[TICKING].count) <= 0

    def test_its_scatter_is_the_clocks_too(self) -> None:
        counts = {0: 0, 5: 58, 10: 95, 15: 150}
        shots = [snapshot({TICKING: n}, at=at, requests=at) for at, n in counts.items()]
        idle = Round(0, shots[-1], snapshot({TICKING: 170}, at=17, requests=18))
        assert max(make_series(rounds(*shots), idle).heap[TICKING].count) <= 0

    def test_what_runs_more_slowly_on_an_idle_machine_is_the_clocks_too(self) -> None:
        """A loader that sleeps half a millisecond in between: idle, that is one and a half."""
        shots = [snapshot({TICKING: 1_700 * at}, at=at) for at in (0, 1, 2, 3)]
        idle = Round(0, shots[-1], snapshot({TICKING: 5_100 + 600}, at=4))
        made = make_series(rounds(*shots), idle)
        assert max(made.heap[TICKING].count) <= 0
        assert max(made.heap[TICKING].bytes) <= 0

    def test_goroutines_and_totals_are_not_all_taken_for_the_clocks(self) -> None:
        """A place is one thing's; an entry function and a process are many things'."""
        shots = [snapshot({}, {WAITING: 150 * at}, at=at) for at in (0, 1, 2, 3)]
        idle = Round(0, shots[-1], snapshot({}, {WAITING: 500}, at=4))
        assert make_series(rounds(*shots), idle).goroutines[WAITING].count == (100, 100, 100)
        stats = [MemStats(64 * n, n, 2 * n, 1) for n in (0, 300, 600, 700)]
        whole = [snapshot(at=at, memstats=one) for at, one in enumerate(stats)]
        made = make_series(rounds(*whole[:3]), Round(0, whole[2], whole[3]))
        assert made.totals.count == (200, 200)

    def test_a_leak_at_the_same_place_is_left(self) -> None:
        shots = [snapshot({TICKING: 110 * at}, at=at, requests=at) for at in (0, 5, 10, 15)]
        idle = Round(0, shots[-1], snapshot({TICKING: 1650 + 20}, at=17, requests=18))
        made = make_series(rounds(*shots), idle)
        assert all(abs(count - 500) < 10 for count in made.heap[TICKING].count)

    def test_the_slice_that_it_fills_is_the_clocks_too(self) -> None:
        """It doubles in one of the rounds."""
        sizes = {0: 100, 5: 100, 10: 250, 15: 200}
        shots = [
            snapshot({TICKING: 1_000 + 200 * at}, at=at, object_bytes=size)
            for at, size in sizes.items()
        ]
        idle = Round(0, shots[-1], snapshot({TICKING: 4_200}, at=16, object_bytes=190))
        assert max(make_series(rounds(*shots), idle).heap[TICKING].bytes) <= 0


class TestAllocatedByLoad:
    def test_nothing_of_a_service_that_only_we_asked(self) -> None:
        shots = [snapshot({SITE: 10 * k}, requests=2 * k) for k in range(3)]
        idle = Round(0, shots[-1], snapshot({SITE: 30}, requests=6))
        assert allocated_by_load(rounds(*shots), idle) == 0

    def test_what_the_load_allocated(self) -> None:
        stats = [MemStats(0, 0, mallocs, 0) for mallocs in (0, 1010, 1020)]
        before, after, later = (snapshot(memstats=one, requests=k) for k, one in enumerate(stats))
        assert allocated_by_load([Round(100, before, after)], Round(0, after, later)) == 1000


def test_a_slice_that_doubles_is_not_taken_for_the_clocks_scatter() -> None:
    shots = [
        snapshot({SITE: 1}, at=k, object_bytes=size)
        for k, size in enumerate((64_000, 500_000, 2_000_000))
    ]
    idle = Round(0, shots[-1], snapshot({SITE: 2}, at=4, object_bytes=1_000_032))
    grown = make_series(rounds(*shots), idle).heap[SITE].bytes
    assert sum(grown) > 1_900_000


def test_one_dead_goroutine_proves_one_stack_alone() -> None:
    library = tuple(Frame(f"library.f{depth}", "", depth) for depth in range(30))
    one, other = (*library, Frame("main.a", "", 1)), (*library, Frame("main.b", "", 2))
    shots = [snapshot(), snapshot({}, {one: 50, other: 50})]
    made = make_series(rounds(*shots), unreachable={one: 50})
    assert made.unreachable == {}
    assert make_series(rounds(*shots), unreachable={one: 50, other: 50}).unreachable == {
        one: 50,
        other: 50,
    }


class TestUnreachable:
    def test_what_came_and_is_dead_is_proved(self) -> None:
        shots = [snapshot({}, {WAITING: 10}), snapshot({}, {WAITING: 110})]
        assert make_series(rounds(*shots), unreachable={WAITING: 110}).unreachable == {WAITING: 100}

    def test_dead_ones_of_before_prove_nothing_of_those_that_still_run(self) -> None:
        shots = [snapshot({}, {WAITING: 1_000}), snapshot({}, {WAITING: 1_050})]
        assert make_series(rounds(*shots), unreachable={WAITING: 1_000}).unreachable == {}
