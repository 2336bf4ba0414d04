"""What may go away by itself."""

from __future__ import annotations

import pytest

from pytest_echoleak.expiry import expiring
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
