"""Reports and findings made by hand, for tests of how they are told."""

from __future__ import annotations

from typing import Any

from pytest_echoleak.results import Bounds, Finding, LeakReport, Location

HANDLER = Location(
    "example.com/shop/internal/handlers.(*User).Get", "internal/handlers/user.go", 42
)
SERVE = Location("net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2220)
AUDIT = Location("example.com/shop/internal/handlers.audit.func1", "internal/handlers/audit.go", 17)
READ_REQUEST = Location("net/http.readRequest", "net/http/request.go", 1071)


def heap(**changes: Any) -> Finding:
    """Return a finding of one 64-byte object per iteration, with `changes`."""
    values: dict[str, Any] = {
        "kind": "heap",
        "location": HANDLER,
        "stack": (HANDLER, SERVE),
        "stacks": 1,
        "objects_per_iteration": 1.0,
        "bytes_per_iteration": 64.0,
        "goroutines_per_iteration": 0.0,
        "objects": 1000,
        "bytes": 64_000,
        "goroutines": 0,
        "evidence": "exact",
    }
    return Finding(**{**values, **changes})


def goroutine(**changes: Any) -> Finding:
    """Return a finding of one goroutine per iteration, with `changes`."""
    values: dict[str, Any] = {
        "kind": "goroutine",
        "location": AUDIT,
        "stack": (AUDIT,),
        "objects_per_iteration": 0.0,
        "bytes_per_iteration": 0.0,
        "goroutines_per_iteration": 1.0,
        "objects": 0,
        "bytes": 0,
        "goroutines": 1000,
        "evidence": "unreachable",
    }
    return heap(**{**values, **changes})


def report(**changes: Any) -> LeakReport:
    """Return the report of a clean check of 1,000 requests, with `changes`."""
    values: dict[str, Any] = {
        "nodeid": "tests/test_users.py::test_get_user",
        "workload": "GET /users/42",
        "service": "GoSource(shop)",
        "verdict": "clean",
        "iterations": 1000,
        "warmup": 200,
        "round_iterations": (200,) * 5,
        "seconds": 3.25,
        "go_version": "go1.27.3",
        "runtime": "docker",
        "bounds": Bounds(excluded_rate=6.9 / 1000, detect=0.01),
        "untouched": True,
    }
    return LeakReport(**{**values, **changes})


def leak(*findings: Finding, **changes: Any) -> LeakReport:
    """Return the report of a check that found `findings`, with `changes`."""
    values: dict[str, Any] = {"verdict": "leak", "bounds": None, "findings": findings or (heap(),)}
    return report(**{**values, **changes})
