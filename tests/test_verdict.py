"""The verdict as pure logic: what grows in which way is called what."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.allowing import Allowance
from pytest_echoleak.options import Options
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth
from pytest_echoleak.tolerance import Allow, Tolerance
from pytest_echoleak.verdict import bounds, conclude
from tests.made_series import (
    HANDLER,
    SERVE,
    SITE,
    WAITING,
    Grow,
    at_random,
    check,
    filling,
    growth,
    judged,
    leaking,
    series,
)

ROUNDS = (346, 346, 346)


class TestConstantGrowth:
    @settings(deadline=None)
    @given(st.integers(1, 50), st.integers(8, 100_000), st.integers(1, 20_000))
    def test_k_objects_of_every_iteration_are_a_leak_of_k(
        self, objects: int, size_bytes: int, plateau: int
    ) -> None:
        course = check(leaking(objects, size_bytes), options=Options(plateau=plateau))
        assert course.verdict == "leak"
        assert sum(course.iterations) >= plateau
        (finding,) = course.judgement.steady
        assert finding.objects_per_iteration == objects
        assert finding.bytes_per_iteration == objects * size_bytes
        assert finding.evidence == "exact"
        assert (finding.location.function, finding.location.line) == (HANDLER.function, 42)

    @settings(deadline=None)
    @given(
        st.integers(1, 9),
        st.lists(st.integers(10, 5000), min_size=3, max_size=8),
    )
    def test_it_is_a_leak_in_rounds_of_any_lengths_once_exhausted(
        self, objects: int, iterations: list[int]
    ) -> None:
        what = growth([objects * n for n in iterations])
        assert conclude(judged(series(iterations, {SITE: what})), exhausted=True) == "leak"

    def test_heap_is_no_leak_before_the_plateau(self) -> None:
        judgement = judged(series(ROUNDS, {SITE: growth(ROUNDS)}))
        assert judgement.steady
        assert conclude(judgement, exhausted=False) is None

    def test_hundreds_of_goroutines_are_a_leak_at_once(self) -> None:
        course = check(leaking(1, 0), goroutines=True)
        assert (course.verdict, course.iterations) == ("leak", (381, 381, 381))
        (finding,) = course.judgement.steady
        assert (finding.kind, finding.goroutines_per_iteration) == ("goroutine", 1.0)

    def test_a_pool_of_hundreds_is_given_time_to_be_full(self) -> None:
        course = check(filling(900, 0), goroutines=True)
        assert course.verdict == "clean"

    def test_a_leak_in_some_iterations_alone(self) -> None:
        """One of ten, regularly."""
        every_tenth: Grow = lambda first, n: ((first + n) // 10 - first // 10, 640.0)  # noqa: E731
        course = check(every_tenth)
        assert course.verdict == "leak"
        assert course.judgement.steady[0].objects_per_iteration == pytest.approx(0.1, abs=0.001)


class TestFlat:
    @settings(deadline=None)
    @given(st.integers(3, 3000), st.integers(3, 8))
    def test_it_is_clean_with_enough_iterations_and_inconclusive_before(
        self, total: int, rounds: int
    ) -> None:
        iterations = [total // rounds + (k < total % rounds) for k in range(rounds)]
        expected = "clean" if total >= 691 else "inconclusive"
        judgement = judged(series(iterations))
        assert conclude(judgement, exhausted=True) == expected
        assert conclude(judgement, exhausted=False) == ("clean" if total >= 691 else None)
        assert judgement.untouched

    def test_a_smaller_rate_to_detect_needs_more_iterations(self) -> None:
        flat = series([691])
        assert conclude(judged(flat, detect=0.01), exhausted=True) == "clean"
        assert conclude(judged(flat, detect=0.009), exhausted=True) == "inconclusive"

    def test_shrinking_is_flat(self) -> None:
        shrinking = series(ROUNDS, {SITE: growth((-5, -300, 0))})
        assert conclude(judged(shrinking), exhausted=False) == "clean"

    def test_what_a_pass_excludes(self) -> None:
        nothing = bounds(judged(series([1000])), 1000, 0.01, identical=False)
        assert nothing is not None
        assert 1 / nothing.excluded_rate == pytest.approx(144.8, abs=0.1)
        for stayed in (growth((3, 0, 0)), Growth((0, 0, 0), (4000, 0, 0))):
            touched = bounds(judged(series(ROUNDS, {SITE: stayed})), 1038, 0.01, identical=True)
            assert touched is not None
            assert touched.excluded_rate == 0.01
        sampled = bounds(judged(series([1000], exact=False)), 1000, 0.01, identical=False)
        assert sampled is not None
        assert sampled.excluded_rate == 0.1


class TestGrowthThatStops:
    @settings(deadline=None, max_examples=300)
    @given(st.integers(1, 5_000), st.sampled_from([16, 64, 1024, 4096]))
    def test_a_cache_that_fills_in_the_first_half_is_clean(self, size: int, entry: int) -> None:
        assert check(filling(size, entry)).verdict == "clean"

    @settings(deadline=None)
    @given(st.integers(1, 5_000), st.integers(5_000, 1_000_000))
    def test_one_of_large_entries_needs_a_longer_silence(self, size: int, entry: int) -> None:
        """It could be a slice that doubles, which is silent for long, too."""
        assert check(filling(size, entry)).verdict in {"clean"} | (
            {"inconclusive"} if size > 3_000 else set()
        )

    @settings(deadline=None)
    @given(st.integers(5_000, 9_000))
    def test_a_cache_that_fills_later_is_no_leak_either(self, size: int) -> None:
        assert check(filling(size)).verdict != "leak"

    def test_one_that_fills_after_the_plateau_looks_like_a_leak(self) -> None:
        """Nobody can tell: that is what Allow and plateau= are for."""
        assert check(filling(100_000)).verdict == "leak"
        assert check(filling(100_000), options=Options(plateau=400_000)).verdict == "clean"

    def test_decaying_noise_is_no_leak(self) -> None:
        """Caches of the runtime fill at a rate of about 1 / t."""
        verdicts = []
        for seed in range(300):
            source = random.Random(seed)
            scale = source.uniform(1, 40)

            def grow(first: int, n: int, s: float = scale, r: random.Random = source) -> object:
                events = sum(r.random() < s / (first + k) for k in range(n))
                return events, events * 112

            verdicts.append(check(grow).verdict)  # type: ignore[arg-type]
        assert verdicts.count("leak") == 0
        assert verdicts.count("clean") > 290

    def test_a_step_once_is_clean(self) -> None:
        """A pooled connection prepares a statement."""
        step: Grow = lambda first, n: (21.0, 4000.0) if first <= 900 < first + n else (0.0, 0.0)  # noqa: E731
        assert check(step).verdict == "clean"


class TestRandomLeaks:
    @pytest.mark.parametrize("goroutines", [False, True])
    def test_one_in_a_hundred_is_hardly_ever_judged_clean(self, goroutines: bool) -> None:
        """0.1 % of 500 are 0.5; more than 5 would happen to one seed in 70,000."""
        verdicts = [
            check(at_random(0.01, seed), goroutines=goroutines).verdict for seed in range(500)
        ]
        assert verdicts.count("clean") <= 5
        assert verdicts.count("leak") > 490

    def test_one_in_twenty_is_a_leak(self) -> None:
        assert {check(at_random(0.05, seed)).verdict for seed in range(200)} == {"leak"}


def appended(grow_capacity: object, element_bytes: int = 8) -> Grow:
    """Return the growth of a slice to which each iteration appends an element."""

    def capacity(length: int) -> int:
        size = 1
        while size < length:
            size = grow_capacity(size)  # type: ignore[operator]
        return size

    def grow(first: int, count: int) -> tuple[float, float]:
        return 0.0, float(element_bytes * (capacity(first + count) - capacity(first)))

    return grow


class TestStaircases:
    @pytest.mark.parametrize("element_bytes", [8, 16, 64])
    def test_a_slice_that_doubles_is_a_leak(self, element_bytes: int) -> None:
        course = check(appended(lambda size: 2 * size, element_bytes))
        assert course.verdict == "leak"
        assert sum(course.iterations) <= 20_000

    @pytest.mark.parametrize("element_bytes", [8, 16, 64])
    def test_a_slice_that_grows_as_gos_append_does_is_a_leak(self, element_bytes: int) -> None:
        go = lambda n: 2 * n if n < 256 else n + (n + 768) // 4  # noqa: E731
        course = check(appended(go, element_bytes))
        assert course.verdict == "leak"
        assert sum(course.iterations) <= 20_000


class TestTotals:
    def test_growth_that_no_place_repeats_is_judged_as_a_whole(self) -> None:
        """A different stack in every round: none is steady, all together are."""
        stacks = [(Frame(f"lib/x.f{k}", "/x@v1/x.go", k), SERVE) for k in range(3)]
        heap: dict[Stack, Growth] = {
            stack: growth([346 if place == k else 0 for place in range(3)])
            for k, stack in enumerate(stacks)
        }
        (finding,) = judged(series(ROUNDS, heap)).steady
        assert finding.objects_per_iteration == 1.0

    def test_sampled_sites_are_never_judged_but_totals_are(self) -> None:
        sampled = series(
            ROUNDS, {SITE: growth((9000, 0, 9000))}, exact=False, totals=growth((2, -1, 3))
        )
        assert conclude(judged(sampled), exhausted=False) == "clean"
        leaking = series(ROUNDS, {SITE: growth((0, 0, 900))}, exact=False, totals=growth(ROUNDS))
        (finding,) = judged(leaking).steady
        assert (finding.evidence, finding.objects_per_iteration) == ("sampled", 1.0)
        assert finding.location.function == HANDLER.function
        assert "the place is the largest of the samples" in finding.note

    def test_totals_without_any_site_are_a_leak_too(self) -> None:
        (finding,) = judged(series(ROUNDS, exact=False, totals=growth(ROUNDS))).steady
        assert finding.location.function == "(unknown)"

    def test_the_noise_of_totals_is_no_leak(self) -> None:
        noise = series(ROUNDS, exact=False, totals=growth((20, 18, 21)))
        assert conclude(judged(noise), exhausted=False) == "clean"


class TestFindings:
    def test_what_a_leaked_goroutine_allocated_is_part_of_its_finding(self) -> None:
        site = (Frame("example.com/shop.buffer", "/src/shop/wait.go", 5), *WAITING)
        made = series(ROUNDS, {site: growth(ROUNDS, 1024)}, {WAITING: growth(ROUNDS, 0)})
        (finding,) = judged(made).steady
        assert finding.kind == "goroutine"
        assert (finding.goroutines_per_iteration, finding.bytes_per_iteration) == (1.0, 1024.0)

    def test_goroutines_that_a_library_started_alike_are_all_told(self) -> None:
        entry = Frame("example.org/errgroup.(*Group).Go.func1", "/m/errgroup@v1.0.0/g.go", 80)
        first = (Frame("example.com/shop.first", "/src/shop/a.go", 1), entry)
        other = (Frame("example.com/shop.other", "/src/shop/b.go", 2), entry)
        made = series(
            ROUNDS,
            {(*other[:1], *other): growth(ROUNDS, 512)},
            {first: growth(ROUNDS, 0), other: growth(ROUNDS, 0)},
        )
        found = judged(made).steady
        assert sum(one.goroutines_per_iteration for one in found) == 2.0
        assert sum(one.bytes_per_iteration for one in found) == 512.0
        (holding,) = [one for one in found if one.bytes_per_iteration]
        assert holding.kind == "goroutine"

    def test_a_librarys_goroutines_are_no_end_while_a_line_of_the_users_may_leak_too(self) -> None:
        serving = (Frame("example.org/redis.serve", "/m/redis@v1.0.0/serve.go", 3),)
        goroutines: dict[Stack, Growth] = {serving: growth(ROUNDS, 0)}
        reconnects = series(ROUNDS, {SITE: growth((700, 20, 500))}, goroutines)
        assert conclude(judged(reconnects), exhausted=False) is None
        assert conclude(judged(reconnects), exhausted=True) == "leak"
        in_step = series(ROUNDS, {SITE: growth((690, 695, 691))}, goroutines)
        assert conclude(judged(in_step), exhausted=False) == "leak"
        assert conclude(judged(series(ROUNDS, {}, goroutines)), exhausted=False) == "leak"

    def test_the_largest_comes_first(self) -> None:
        other = (Frame("example.com/shop.other", "/src/shop/a.go", 1), SERVE)
        made = series(ROUNDS, {other: growth(ROUNDS, 32), SITE: growth(ROUNDS, 64)})
        assert [f.bytes_per_iteration for f in judged(made).steady] == [64.0, 32.0]


class TestTolerance:
    @pytest.mark.parametrize(
        ("tolerance", "accepted"),
        [
            (Tolerance(objects_per_iteration=1), True),
            (Tolerance(objects_per_iteration=0.99), False),
            (Tolerance(bytes_per_iteration=64), True),
            (Tolerance(bytes_per_iteration=63), False),
            (Tolerance(bytes=64 * 1038), True),
            (Tolerance(bytes=64 * 1038 - 1), False),
            (Tolerance(bytes=10**9, objects_per_iteration=0.5), False),
            (Tolerance(goroutines=10**9), False),
        ],
    )
    def test_of_the_heap(self, tolerance: Tolerance, accepted: bool) -> None:
        judgement = judged(series(ROUNDS, {SITE: growth(ROUNDS)}), tolerance=tolerance)
        assert conclude(judgement, exhausted=True) == ("clean" if accepted else "leak")

    @pytest.mark.parametrize(
        ("tolerance", "accepted"),
        [
            (Tolerance(goroutines_per_iteration=1), True),
            (Tolerance(goroutines_per_iteration=0.9), False),
            (Tolerance(goroutines=1038), True),
            (Tolerance(goroutines=1037), False),
            (Tolerance(bytes_per_iteration=10**9), False),
        ],
    )
    def test_of_goroutines(self, tolerance: Tolerance, accepted: bool) -> None:
        made = series(ROUNDS, goroutines={WAITING: growth(ROUNDS, 0)})
        judgement = judged(made, tolerance=tolerance)
        assert conclude(judgement, exhausted=True) == ("clean" if accepted else "leak")

    def test_it_is_for_all_places_together(self) -> None:
        other = (Frame("example.com/shop.other", "/src/shop/a.go", 1), SERVE)
        made = series(ROUNDS, {other: growth(ROUNDS), SITE: growth(ROUNDS)})
        accepting = judged(made, tolerance=Tolerance(objects_per_iteration=1.5))
        assert conclude(accepting, exhausted=True) == "leak"

    def test_a_pass_says_that_something_is_tolerated_and_excludes_nothing(self) -> None:
        """Every iteration leaks: no pass may say that fewer than one in a hundred does."""
        for exact in (True, False):
            made = series(ROUNDS, {SITE: growth(ROUNDS)}, exact=exact)
            judgement = judged(made, tolerance=Tolerance(bytes_per_iteration=64))
            assert conclude(judgement, exhausted=False) == "clean"
            assert judgement.tolerated
            assert bounds(judgement, 1038, 0.01, identical=False) is None

    def test_one_that_nothing_needed_is_not_mentioned(self) -> None:
        judgement = judged(series(ROUNDS), tolerance=Tolerance(bytes_per_iteration=64))
        assert not judgement.tolerated


class TestAllow:
    def test_an_allowed_place_is_no_leak(self) -> None:
        allow = Allowance(Allow(function="example.com/shop.handle", reason="known"))
        judgement = judged(series(ROUNDS, {SITE: growth(ROUNDS)}), allowances=[allow])
        assert conclude(judgement, exhausted=True) == "clean"
        assert judgement.unused_allows == ()
        assert judgement.allowed

    def test_it_is_allowed_in_what_is_measured_by_totals_too(self) -> None:
        allow = Allowance(Allow(function="*.handle", reason="known"))
        made = series(ROUNDS, {SITE: growth(ROUNDS)}, exact=False)
        assert conclude(judged(made), exhausted=True) == "leak"
        assert conclude(judged(made, allowances=[allow]), exhausted=True) == "clean"

    def test_one_whose_limit_is_passed_is_a_leak_at_once(self) -> None:
        allow = Allowance(Allow(function="*.handle", reason="a cache", at_most_objects=1000))
        judgement = judged(series(ROUNDS, {SITE: growth(ROUNDS)}), allowances=[allow])
        assert conclude(judgement, exhausted=False) == "leak"
        assert "accepts at_most_objects=1,000, but it grew by 1,038" in judgement.steady[0].note

    def test_one_that_matched_nothing_is_reported(self) -> None:
        allow = Allowance(Allow(function="main.gone", reason="a cache"))
        assert judged(series(ROUNDS), allowances=[allow]).unused_allows == ("main.gone",)
