"""What may go away by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_echoleak.expiry import all_expiring, asleep, expiring, expiring_entries, gone
from pytest_echoleak.folding import Fold
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.results import SHARED_BLOCKS, Expiry, Finding, HeldBy, Location
from pytest_echoleak.series import Growth, Series


def finding(*functions: str) -> Finding:
    stack = tuple(Location(name, "x.go", 1) for name in functions)
    return Finding("heap", stack[0], stack, 1, 1.0, 64.0, 0.0, 100, 6400, 0, "exact")


@pytest.mark.parametrize(
    ("functions", "why"),
    [
        (("time.Sleep", "main.work"), "sleeps"),
        (("time.NewTimer", "time.After", "main.work"), "timer"),
        (("time.(*Timer).Reset", "main.work.func1"), "timer"),
        (("context.(*cancelCtx).propagateCancel", "context.WithTimeout", "main.f"), "time-out"),
        (("context.WithDeadlineCause", "main.f"), "time-out"),
    ],
)
def test_timers_and_sleepers_may(functions: tuple[str, ...], why: str) -> None:
    assert why in expiring(finding(*functions))


@pytest.mark.parametrize(
    "functions",
    [
        ("main.keep",),
        ("time.NewTicker", "main.f"),
        ("time.(*Ticker).Reset", "main.f"),
        ("time.Tick", "main.f"),
        ("context.WithCancel", "main.f"),
        ("example.com/shop/time.Sleep", "main.f"),
    ],
)
def test_what_has_no_end_never_does(functions: tuple[str, ...]) -> None:
    assert expiring(finding(*functions)) == ""


def kept(soonest: float, latest: float, share: float = 1.0) -> Finding:
    """Return a finding that is kept in a map whose entries say when they expire."""
    end = Expiry("main.session.expires", soonest, latest)
    holder = HeldBy("package variable", ("main.sessions",), share=share, expiry=end)
    return replace(finding("main.open"), holders=(holder,))


def test_entries_that_say_so_expire() -> None:
    assert expiring_entries([kept(-3, 50), kept(20, 60)]) == Expiry("main.session.expires", -3, 60)


def test_where_anything_else_grew_or_lives_for_long_nothing_is_waited_for() -> None:
    assert expiring_entries([]) is None
    assert expiring_entries([kept(20, 60), finding("main.keep")]) is None
    assert expiring_entries([kept(20, 60, share=0.3)]) is None
    assert expiring_entries([replace(kept(20, 60), kind="goroutine")]) is None
    assert expiring_entries([kept(80_000, 86_400)]) is None


def test_who_sleeps_in_a_function_that_never_returns_has_no_end() -> None:
    sleeper = replace(finding("time.Sleep", "main.step", "main.loop"), kind="goroutine")
    assert asleep([sleeper, finding("time.AfterFunc", "main.f")]) == {"main.step", "main.loop"}
    assert "sleeps" in all_expiring([sleeper], {"main.other"})
    assert all_expiring([sleeper], {"main.loop"}) == ""
    # What allocates below such a function may go away all the same.
    timer = replace(finding("time.AfterFunc", "main.step"), location=sleeper.location)
    assert "timer" in all_expiring([timer], {"main.loop"})
    assert all_expiring([timer, sleeper], {"main.loop"}) == ""


def test_what_stands_beside_a_timer_goes_with_it() -> None:
    timer, beside = finding("time.AfterFunc", "main.remind"), finding("main.remind")
    timer = replace(timer, location=beside.location)
    blocks = finding(SHARED_BLOCKS)
    assert "timer" in all_expiring([beside, timer, blocks])
    assert all_expiring([timer, finding("main.keep")]) == ""
    assert all_expiring([blocks]) == ""


def test_a_part_of_each_request_goes_with_the_timer_whose_function_captured_it() -> None:
    timer = finding("time.AfterFunc", "main.remind")
    path = finding("net/http.readRequest", "net/http.(*conn).serve")
    assert "timer" in all_expiring([path, timer])
    assert all_expiring([replace(path, objects=101), timer]) == ""
    assert all_expiring([path]) == ""


@pytest.mark.parametrize("version", ["v4", "v5"])
def test_echos_rate_limiter_forgets_its_visitors(version: str) -> None:
    limiter = f"github.com/labstack/echo/{version}/middleware.(*RateLimiterMemoryStore).Allow"
    assert "rate limiter" in expiring(finding(limiter, "net/http.(*conn).serve"))


KEEP: Stack = (Frame("main.remember", "x.go", 1),)
TABLE: Stack = (Frame("main.remember", "x.go", 2),)
ELSEWHERE: Stack = (Frame("main.keep", "x.go", 9),)


def fold(stack: Stack, count: float, size_bytes: float) -> Fold:
    growth = Growth((count,), (size_bytes,))
    return Fold("heap", stack[0], stack, 1, growth, own=True, parts={stack: growth})


def whole(iterations: int = 10_000, **left: tuple[float, float]) -> Series:
    """The series of one round in which so many objects and bytes stayed."""
    names = {"keep": KEEP, "table": TABLE, "elsewhere": ELSEWHERE}
    heap = {names[name]: Growth((n,), (size,)) for name, (n, size) in left.items()}
    return Series((iterations,), True, heap, {}, Growth((0,), (0,)))


def test_what_a_timer_deletes_is_gone_though_its_map_keeps_its_capacity() -> None:
    grown = [fold(KEEP, 9_000, 900_000), fold(TABLE, 4, 400_000)]
    assert gone(grown, whole(keep=(20, 2_000), table=(4, 400_000)), 0.01)
    assert gone(grown, whole(), 0.01)


def test_a_rare_leak_among_what_expires_is_not_gone() -> None:
    grown = fold(KEEP, 9_000, 900_000)
    assert not gone([grown], whole(keep=(100, 10_000)), 0.01)
    both = [grown, fold(ELSEWHERE, 100, 6_400)]
    assert not gone(both, whole(elsewhere=(100, 6_400)), 0.01)


def test_bytes_alone_must_go() -> None:
    grown = [fold(TABLE, 3, 900_000)]
    assert not gone(grown, whole(table=(3, 800_000)), 0.01)
    assert gone(grown, whole(table=(1, 1_000)), 0.01)


def test_a_slice_of_another_function_is_not_excused_by_what_has_gone() -> None:
    grown = [fold(KEEP, 9_000, 900_000), fold(ELSEWHERE, 2, 400_000)]
    assert not gone(grown, whole(elsewhere=(2, 400_000)), 0.01)


def test_blocks_and_stacks_behind_shrinking_ones_are_counted_by_what_they_are_made_of() -> None:
    parts = {KEEP: Growth((500,), (8_000,)), ELSEWHERE: Growth((500,), (8_000,))}
    grown = replace(fold(KEEP, 1_000, 16_000), frame=Frame(SHARED_BLOCKS, "", 0), parts=parts)
    assert not gone([grown], whole(keep=(500, 8_000), elsewhere=(500, 8_000)), 0.01)
    assert gone([grown], whole(), 0.01)


def test_a_goroutine_that_goes_on_to_block_is_not_gone() -> None:
    entry = Frame("main.wait", "x.go", 1)
    asleep: Stack = (Frame("time.Sleep", "", 1), entry)
    blocked: Stack = (Frame("runtime.chansend", "", 1), entry)
    growth = Growth((1_000,), (0,))
    grown = Fold("goroutine", entry, asleep, 1, growth, own=True, parts={asleep: growth})
    now = Series((10_000,), True, {}, {blocked: growth}, Growth((0,), (0,)))
    assert not gone([grown], now, 0.01)
