"""A whole check beside `wrk`: as many requests, over as many connections, to the same instance."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pytest_echoleak import EchoService, GoSource, LeakReport, assert_no_leak, start
from tests.benchmarks.table import Row
from tests.benchmarks.timing import alternating, median, median_ratio, timed

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 10_000
RUNS = 5
WRK_SECONDS = 2
CONNECTIONS = (1, 8)
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_SERVICES = {
    "trivial handler": (GoSource(ROOT / "tests" / "goapps" / "leaks"), "/healthy"),
    "list route of the example": (
        GoSource(
            ROOT / "example_project",
            package="./cmd/server",
            env={"PPROF": "1", "LOG_LEVEL": "WARN"},
            ready="/healthz",
        ),
        "/notes",
    ),
}


def missing() -> str:
    """Return what to do where wrk is not installed, "" where it is."""
    return "" if shutil.which("wrk") else "wrk is not on PATH: apt-get install -y wrk"


def rows(runtime: str) -> Iterator[Row]:
    """Measure each service with each number of connections."""
    for name, (spec, path) in _SERVICES.items():
        with start(spec, runtime=runtime) as service:  # type: ignore[arg-type]
            for connections in CONNECTIONS:
                yield _row(service, runtime, name, path, connections)


def _row(service: EchoService, runtime: str, name: str, path: str, connections: int) -> Row:
    sent = REQUESTS

    def check() -> float:
        nonlocal sent

        def run() -> LeakReport:
            return assert_no_leak(
                service, f"GET {path}", iterations=REQUESTS, concurrency=connections
            )

        taken, report = timed(run)
        sent = report.warmup + report.iterations  # it goes on where something grew
        return taken

    def wrk() -> float:
        return sent / _wrk_rate(service.base_url + path, connections)

    alternating(1, check, wrk)
    results = alternating(RUNS, check, wrk)
    ours, theirs = median(results, 0), median(results, 1)
    allowed = 1.2 * theirs + 0.5
    many = "1 connection" if connections == 1 else f"{connections} connections"
    return Row(
        f"a check of {REQUESTS:,} requests, {name} ({runtime}), {many}",
        ours,
        "`wrk`",
        theirs,
        f"{median_ratio(results):.2f} times",
        f"at most 1.2 times and 0.5 s: {allowed:.2f} s",
        ours <= allowed,
    )


def _wrk_rate(url: str, connections: int) -> float:
    """Return requests per second; wrk runs for a time, not for a number of requests."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{WRK_SECONDS}s", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = _RATE.search(output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"wrk failed: {output}")
    return float(found[1])
