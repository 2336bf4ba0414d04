"""Clues made by hand."""

from __future__ import annotations

from typing import Any

from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.results import HeldBy, Location
from tests.reports.made import goroutine, heap

HANDLER = Location("example.com/shop/orders.(*Orders).Add", "orders/orders.go", 42)
SERVE = Location("net/http.(*conn).serve", "net/http/server.go", 2000)


def frame(function: str, line: int = 7) -> Location:
    return Location(function, "lib.go", line)


def allocated(
    *foreign: str, inner: str = "runtime.newobject", count: float = 1000, size: float = 64
) -> Grown:
    """Return objects that the handler's call to `foreign` (the innermost first) made."""
    stack = (*map(frame, foreign), HANDLER, SERVE)
    own = (*(False for _ in foreign), True, False)
    return Grown("heap", stack, ("runtime.mallocgc", inner), own, count, count * size)


def container(*foreign: str, inner: str) -> Grown:
    """Return what grows in steps at the handler's line, or below a call of it."""
    one = allocated(*foreign, inner=inner, count=4)
    return Grown(one.kind, one.stack, one.inner, one.own, 4, 16_000.0)


def waiting(inner: str, *functions: str, count: float = 1000) -> Grown:
    """Return goroutines that wait there, none of whose frames is the user's."""
    stack = tuple(map(frame, functions))
    own = (False,) * len(stack)
    return Grown("goroutine", stack, ("runtime.gopark", inner), own, count, 0.0)


def waiting_in_own(*inner: str, below: tuple[str, ...] = ()) -> Grown:
    """Return goroutines of the user's that wait there."""
    stack = (*map(frame, below), HANDLER)
    own = (*(False for _ in below), True)
    return Grown("goroutine", stack, ("runtime.gopark", *inner), own, 1000, 0.0)


def held(container: str, container_type: str = "", **more: Any) -> HeldBy:
    """Return a holder: a container that a package variable is, or leads to."""
    made: dict[str, Any] = {"path": (), "container": container, "container_type": container_type}
    return HeldBy("package variable", **(made | more))


def clues(*grown: Grown, **more: Any) -> Clues:
    """Return the clues of a finding that counts `grown`, at the handler's line over 1,000."""
    kind = goroutine if any(one.kind == "goroutine" for one in grown) else heap
    place = next((one.place for one in grown if one.place), grown[0].stack[-1])
    made: dict[str, Any] = {
        "location": place,
        "stack": grown[0].stack,
        "evidence": "exact",
        "objects": round(sum(one.count for one in grown if one.kind == "heap")),
        "bytes": round(sum(one.bytes for one in grown)),
        "goroutines": round(sum(one.count for one in grown if one.kind == "goroutine")),
    }
    made |= {
        f"{name}_per_iteration": made[name] / 1000 for name in ("objects", "bytes", "goroutines")
    }
    made |= more.pop("finding", {})
    return Clues(kind(**made), grown, iterations=1000, **more)
