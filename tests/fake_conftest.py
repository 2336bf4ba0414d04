"""A conftest.py for pytester: the plugin's layer as it is, over checks whose outcome is scripted.

It stands in for what starts and measures services, so that what pytest's users see of every
verdict can be tested without waiting for one. The real chain has tests of its own.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.errors import WorkloadError
from pytest_echoleak.options import Options
from pytest_echoleak.results import Bounds, Finding, LeakReport, Location, Progress
from pytest_echoleak.services.specs import Running, Spec
from pytest_echoleak.tolerance import Allow

HANDLER = Location("example.com/shop/internal/handlers.(*User).Get", "internal/user.go", 42)
LEAK = Finding(
    kind="heap",
    location=HANDLER,
    stack=(HANDLER, Location("net/http.HandlerFunc.ServeHTTP", "net/http/server.go", 2220)),
    stacks=1,
    objects_per_iteration=1.0,
    bytes_per_iteration=64.0,
    goroutines_per_iteration=0.0,
    objects=1000,
    bytes=64_000,
    goroutines=0,
    evidence="exact",
)


HAS_AGENT = False


class FakeService:
    """A service that says which one it is."""

    def __init__(self, spec: Spec, number: int) -> None:
        self.spec = spec
        self.number = number
        self.why = "process, because no engine answers"
        self.self_tested = False
        self.has_agent = HAS_AGENT
        self.instance = types.SimpleNamespace(go_version="go1.27.3", runtime="process")
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


class FakeServices:
    """A pool of them."""

    def __init__(self) -> None:
        self._pool: dict[str, FakeService] = {}
        self._started = 0

    def get(self, spec: Spec) -> FakeService:
        if spec.key() not in self._pool:
            self._pool[spec.key()] = self.fresh(spec)
        return self._pool[spec.key()]

    def fresh(self, spec: Spec) -> FakeService:
        self._started += 1
        return FakeService(spec, self._started)


def fake_check_service(
    service: FakeService,
    workload: str,
    options: Options,
    allow: Sequence[Allow],
    *,
    nodeid: str,
    artifacts_dir: Path | None,
    progress: Any,
    causes: Sequence[Cause],
) -> LeakReport:
    if "broken" in workload:
        raise WorkloadError(f"{workload}: iteration 37 was answered with 500\n\nlog line")
    progress(Progress(workload, "measuring", 3, 10, 2.5))
    iterations = options.measured_iterations
    values: dict[str, Any] = {
        "nodeid": nodeid,
        "workload": workload,
        "service": f"Running({service.number})",
        "iterations": iterations,
        "warmup": options.warmup,
        "round_iterations": (iterations // options.rounds,) * options.rounds,
        "seconds": 1.25,
        "go_version": "go1.27.3",
        "runtime": "process",
        "unused_allows": tuple(one.function for one in allow if "nothing" in one.function),
    }
    if "leak" in workload:
        files = tuple(f"{artifacts_dir}/{name}.heap.pb.gz" for name in ("before", "after"))
        names = ",".join(cause.name for cause in causes) or "other"
        found = (replace(LEAK, cause=names),)
        return LeakReport(verdict="leak", findings=found, artifacts=files, **values)
    bounds = Bounds(6.9 / iterations, options.detect, identical_requests="{i}" not in workload)
    if "odd" in workload:
        reason = "growth neither stopped nor repeated"
        return LeakReport(verdict="inconclusive", bounds=bounds, reason=reason, **values)
    return LeakReport(verdict="clean", bounds=bounds, untouched=True, **values)


check = types.ModuleType("pytest_echoleak.check")
check.check_service = fake_check_service  # type: ignore[attr-defined]
sys.modules["pytest_echoleak.check"] = check


@pytest.fixture(scope="session")
def echo_services() -> FakeServices:
    return FakeServices()


@pytest.fixture(scope="session")
def echo_service_spec() -> Spec:
    return Running("http://127.0.0.1:1")
