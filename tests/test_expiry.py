"""What may go away by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_echoleak.expiry import expiring, gone
from pytest_echoleak.results import Finding, Location


def finding(*functions: str) -> Finding:
    stack = tuple(Location(name, "x.go", 1) for name in functions)
    return Finding("heap", stack[0], stack, 1, 1.0, 64.0, 0.0, 100, 6400, 0, "exact")


@pytest.mark.parametrize(
    ("functions", "why"),
    [
        (("time.Sleep", "main.work"), "sleeps"),
        (("time.NewTimer", "time.After", "main.work"), "timer"),
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
        ("time.Tick", "main.f"),
        ("context.WithCancel", "main.f"),
        ("example.com/shop/time.Sleep", "main.f"),
    ],
)
def test_what_has_no_end_never_does(functions: tuple[str, ...]) -> None:
    assert expiring(finding(*functions)) == ""


def test_what_a_timer_deletes_is_gone_though_its_map_keeps_its_capacity() -> None:
    grown = replace(finding("main.remember"), objects=9_000, bytes=900_000)
    left = replace(grown, objects=20, bytes=400_000)
    assert gone([grown], [left], 10_000, 0.01)
    assert gone([grown], [], 10_000, 0.01)


def test_a_rare_leak_among_what_expires_is_not_gone() -> None:
    grown = replace(finding("main.remember"), objects=9_000, bytes=900_000)
    rare = replace(grown, objects=100, bytes=10_000)
    assert not gone([grown], [rare], 10_000, 0.01)
    elsewhere = finding("main.keep")
    assert not gone([grown, elsewhere], [elsewhere], 1_000, 0.01)


def test_bytes_alone_must_go() -> None:
    grown = replace(finding("main.buffer"), objects=0, bytes=900_000)
    assert not gone([grown], [replace(grown, bytes=800_000)], 10_000, 0.01)
    assert gone([grown], [replace(grown, bytes=1_000)], 10_000, 0.01)
