"""The figures that the plugin is held to, measured on real services: `make acceptance`.

Counts are exact; times are compared side by side in one run, since machines differ and are shared.
An engine that answers gives the figures for Docker too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pytest_echoleak import EchoService, GoSource, LeakError, assert_no_leak, start
from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.workload import to_workload

ROOT = Path(__file__).resolve().parents[1]
GOAPPS = ROOT / "tests" / "goapps"
RUNS = int(os.environ.get("ECHOLEAK_RUNS", "20"))
TIMED_RUNS = 9
REQUESTS = 1_000


def main() -> int:
    """Measure all, print each figure, and return 1 where one is not met."""
    runtimes = sys.argv[1:] or ["docker", "process"]
    met = [start_up_cost()]
    for runtime in runtimes:
        for app in ("leaks", "echo4", "echo5"):
            met.append(verdicts(runtime, app, {}))
            met.append(verdicts(runtime, app, {"LEAKS_PPROF": "leaking router"}))
        met.append(overhead(runtime, "trivial handler", GoSource(GOAPPS / "leaks"), "/healthy", 2))
        example = GoSource(
            ROOT / "example_project",
            package="./cmd/server",
            env={"PPROF": "1", "LOG_LEVEL": "WARN"},
            ready="/healthz",
        )
        met.append(overhead(runtime, "example's list route", example, "/notes", 5))
    return 0 if all(met) else 1


def verdicts(runtime: str, app: str, env: dict[str, str]) -> bool:
    """Check the leaking route and its healthy twin RUNS times each."""
    caught = clean = 0
    with start(GoSource(GOAPPS / app, env=env), runtime=runtime) as service:  # type: ignore[arg-type]
        for _ in range(RUNS):
            # On the leaking router it is the middleware that leaks, on whatever route.
            caught += _caught(service, "/healthy" if env else "/object")
            clean += 0 if env else _clean(service)
    twin = "" if env else f", healthy twin clean {clean} of {RUNS}"
    where = "pprof on the leaking router" if env else "leak"
    print(f"{runtime} {app}: {where} caught {caught} of {RUNS}{twin}", flush=True)
    return caught == RUNS and (bool(env) or clean == RUNS)


def _caught(service: EchoService, path: str) -> bool:
    try:
        assert_no_leak(service, f"GET {path}")
    except LeakError as error:
        found = error.report.findings if error.report else ()
        exact = [one for one in found if abs(one.objects_per_iteration - 1) <= 0.01]
        return len(exact) == len(found) == 1 and exact[0].location.file == "main.go"
    return False


def _clean(service: EchoService) -> bool:
    try:
        assert_no_leak(service, "GET /healthy")
    except AssertionError as error:
        print(error)
        return False
    return True


def overhead(runtime: str, name: str, spec: GoSource, path: str, limit_seconds: float) -> bool:
    """Compare a check of REQUESTS requests with the same requests bare, in turn."""
    workload = to_workload(f"GET {path}")
    with start(spec, runtime=runtime) as service:  # type: ignore[arg-type]

        def bare() -> None:
            with driving(workload, lambda: service.base_url, 1) as driver:
                driver.run(service.take_numbers(REQUESTS), REQUESTS)

        def check() -> None:
            assert_no_leak(service, f"GET {path}", iterations=REQUESTS)

        bare()
        check()
        pairs = [(_seconds(bare), _seconds(check)) for _ in range(TIMED_RUNS)]
    bare_seconds = statistics.median(pair[0] for pair in pairs)
    check_seconds = statistics.median(pair[1] for pair in pairs)
    allowed = 2 * bare_seconds + limit_seconds
    print(
        f"{runtime} {name}: {REQUESTS:,} requests bare {bare_seconds:.2f} s, checked"
        f" {check_seconds:.2f} s (allowed {allowed:.2f} s)",
        flush=True,
    )
    return check_seconds <= allowed


def start_up_cost() -> bool:
    """Compare pytest's start with and without the plugin, which nothing uses."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        command = [sys.executable, "-m", "pytest", "-q", folder]

        def run(*more: str) -> None:
            subprocess.run([*command, *more], check=True, capture_output=True)

        run()
        pairs = [
            (_seconds(lambda: run("-p", "no:echoleak")), _seconds(run)) for _ in range(TIMED_RUNS)
        ]
    cost = statistics.median(with_it - without for without, with_it in pairs)
    print(f"an unused plugin adds {1000 * cost:.0f} ms to pytest's start", flush=True)
    return cost < 0.05


def _seconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
