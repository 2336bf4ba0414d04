"""How an Allow is held against stacks and their growth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_echoleak.allowing import Allowance, held_before, written
from pytest_echoleak.pprof.frames import Frame
from pytest_echoleak.series import Growth, Held
from pytest_echoleak.tolerance import Allow
from pytest_echoleak.verdict import conclude
from tests.made_series import HANDLER, SERVE, SITE, growth, judged, series
from tests.made_snapshots import snapshot

STACK = (
    Frame("github.com/hashicorp/golang-lru/v2.(*Cache[go.shape.string,go.shape.int]).Add", "", 1),
    Frame("main.(*Store).Get.func1", "", 2),
    Frame("net/http.(*conn).serve", "", 3),
)


def allowance(function: str, **limits: int) -> Allowance:
    return Allowance(Allow(function=function, reason="a cache", **limits))


@pytest.mark.parametrize(
    "glob",
    [
        "main.(*Store).Get",
        "main.(*Store).Get.func1",
        "main.*",
        "*.Get",
        "net/http.(*conn).serve",
        "github.com/hashicorp/golang-lru/v2.(*Cache).Add",
        "github.com/hashicorp/golang-lru/v2.(*Cache[go.shape.string,go.shape.int]).Add",
        "*golang-lru*",
    ],
)
def test_any_frame_may_match_as_written_or_as_compiled(glob: str) -> None:
    assert allowance(glob).matches(STACK)


@pytest.mark.parametrize("glob", ["main", "main.Get", "MAIN.*", "Get", "other.*", "main.(*Store)"])
def test_a_glob_matches_a_whole_name(glob: str) -> None:
    assert not allowance(glob).matches(STACK)
    assert not allowance(glob).matches(())


@pytest.mark.parametrize(
    ("symbol", "source"),
    [
        ("main.f", "main.f"),
        ("main.f.func1", "main.f"),
        ("main.f.func1.2", "main.f"),
        ("main.f.func1.gowrap2", "main.f"),
        ("main.f.gowrap1", "main.f"),
        ("main.f.deferwrap1", "main.f"),
        ("main.(*T).M-fm", "main.(*T).M"),
        ("main.f-range1", "main.f"),
        ("main.F[go.shape.int].func1", "main.F"),
        ("main.F[go.shape.map[string]int]", "main.F"),
        ("main.(*T[go.shape.[16]uint64]).M", "main.(*T).M"),
        ("main.func1helper", "main.func1helper"),
    ],
)
def test_what_the_compiler_adds_is_taken_off(symbol: str, source: str) -> None:
    assert written(symbol) == source


def test_a_symbol_made_to_be_slow_is_not() -> None:
    """Each part that could be read in two ways would double the time: this would take years."""
    symbol = "main.f" + ".func1.1" * 100 + "x"
    assert written(symbol) == symbol


class TestLimits:
    growths = (Growth((10.0, 20.0), (100.0, 200.0)), Growth((5.0, -5.0), (50.0, -50.0)))

    @pytest.mark.parametrize(
        ("limits", "name"),
        [
            ({}, ""),
            ({"at_most_objects": 30}, ""),
            ({"at_most_objects": 29}, "at_most_objects=29"),
            ({"at_most_bytes": 300}, ""),
            ({"at_most_bytes": 299}, "at_most_bytes=299"),
            ({"at_most_objects": 30, "at_most_bytes": 0}, "at_most_bytes=0"),
            ({"at_most_goroutines": 0}, ""),
        ],
    )
    def test_are_totals_over_all_stacks_and_rounds(self, limits: dict[str, int], name: str) -> None:
        why = allowance("main.*", **limits).exceeded("heap", self.growths)
        assert (name in why) if name else not why

    def test_of_goroutines(self) -> None:
        assert not allowance("f", at_most_goroutines=30).exceeded("goroutine", self.growths)
        why = allowance("f", at_most_goroutines=29).exceeded("goroutine", self.growths)
        assert why == "Allow('f') accepts at_most_goroutines=29, but it grew by 30"
        assert not allowance("f", at_most_objects=0).exceeded("goroutine", self.growths)


class TestLifeOfTheService:
    """What earlier tests put into a cache counts against its capacity."""

    cache = Allowance(Allow(function="*.handle", reason="an LRU", at_most_objects=20_000))
    rounds = (381, 381, 381)

    @pytest.mark.parametrize(("held", "verdict"), [(18_857, "clean"), (18_858, "leak")])
    def test_what_it_held_before_counts(self, held: int, verdict: str) -> None:
        before = held_before(snapshot({SITE: held, (SERVE,): 10**6}), [self.cache])
        assert before == {(self.cache, "heap"): Held(held, held * 64)}
        made = series(self.rounds, {SITE: growth(self.rounds)})
        judgement = judged(made, allowances=[self.cache], before=before)
        assert conclude(judgement, exhausted=True) == verdict
        if verdict == "leak":
            note = judgement.steady[0].note
            assert note.endswith("but it grew by 1,143 and holds 20,001 now")

    def test_a_cache_that_is_over_its_limit_but_still_is_no_matter_of_this_check(self) -> None:
        before = held_before(snapshot({SITE: 30_000}), [self.cache])
        loader = (HANDLER, HANDLER._replace(line=9), SERVE)
        replaced = {SITE: growth(self.rounds), loader: growth((-381, -381, -381))}
        judgement = judged(series(self.rounds, replaced), allowances=[self.cache], before=before)
        assert conclude(judgement, exhausted=True) == "clean"

    def test_what_did_not_grow_passes_no_limit(self) -> None:
        over = Held(30_000, 64.0)
        assert self.cache.exceeded("heap", [growth((-5, 0, 5))], over) == ""
        assert self.cache.exceeded("heap", [growth((-5, 0, 6))], over) != ""

    def test_only_limits_are_asked_for_and_only_exact_snapshots_tell(self) -> None:
        unlimited = Allowance(Allow(function="*.handle", reason="known"))
        assert held_before(snapshot({SITE: 5}), [unlimited]) == {}
        assert held_before(snapshot({SITE: 5}), [unlimited, self.cache]) == {}
        assert held_before(replace(snapshot({SITE: 5}), exact=False), [self.cache]) == {}
        goroutines = held_before(snapshot(goroutines={SITE: 3}), [self.cache])
        assert goroutines == {(self.cache, "goroutine"): Held(3, 0)}
