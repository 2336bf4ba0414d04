"""Show leaks being caught: `make demo`.

One leak check fails, as it would for a user; then the example's own leak tests run, on every leaky
route and its corrected twin. It ends with 0 only if the routes that leak, as the report tells, are
exactly those that the example plants.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeAlias

from pytest_echoleak.services.gobuild import build_environment, find_go
from pytest_echoleak.services.launch import Launcher

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "example_project"
ROUTES = EXAMPLE / "internal" / "handlers" / "router.go"
REPORT = ROOT / ".echoleak" / "demo"
# Seconds instead of minutes. The warm-up fills the example's largest cache, of 256 entries.
QUICK = (
    "--echoleak-detect=0.5",
    "--echoleak-warmup=300",
    "--echoleak-iterations=300",
    "--echoleak-plateau=400",
)
_PLANTED_ROUTE = re.compile(r'^\s*leaky\.GET\("([^"]+)"', re.MULTILINE)
_CORRECTED_ROUTE = re.compile(r'^\s*fixed\.GET\("([^"]+)"', re.MULTILINE)
Done: TypeAlias = "subprocess.CompletedProcess[str]"
_BEGAN = time.monotonic()


def main() -> int:
    """Run the demonstration, and return 0 if exactly the planted leaks were caught."""
    build_example()
    shown = show_one_leak()
    passed = run_example_tests()
    right = compare(planted_routes(), checks_of_report())
    if shown and passed and right:
        say(f"done in {seconds()}: the leaks caught are exactly those that were planted")
        return 0
    say(f"FAILED after {seconds()}: see above")
    return 1


def build_example() -> None:
    """Build the example once by hand, only so that it can be watched: it warms Go's cache."""
    launcher = Launcher()
    engine = launcher.engine()
    launcher.close()
    if engine.error is None:
        say(f"services run in Docker: {engine.sentence()}")
        platform: dict[str, str | None] = {"goos": "linux", "goarch": engine.goarch or None}
    else:
        say(f"services run as local processes: {engine.sentence()}")
        platform = {"goos": None, "goarch": None}
    go = find_go()
    say(f"building the example with {go} (the first time: about a minute)")
    environment = build_environment(go, **platform)
    environment["GOFLAGS"] = f"{environment.get('GOFLAGS', '')} -buildvcs=false".strip()
    watch([go, "mod", "download"], environment, "modules")
    watch([go, "build", "-v", "./..."], environment, "packages built")


def watch(command: list[str], environment: dict[str, str], what: str) -> None:
    """Run a command in the example's folder, and count the lines that it prints."""
    process = subprocess.Popen(
        command,
        cwd=EXAMPLE,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) % 50 == 0:
            say(f"  {len(lines)} {what}, {seconds()}")
    if process.wait() != 0:
        sys.exit("".join(lines[-30:]) + f"==> failed: {' '.join(command)}")


def show_one_leak() -> bool:
    """Run a test of a leaky route, and let its failure be seen; return whether it failed so."""
    say("a leak check of a leaky route, and how it fails: demo/test_watch.py")
    done = pytest(ROOT / "demo", stdout=subprocess.PIPE)
    print(done.stdout, flush=True)
    if done.returncode == 1 and "LeakError: GET /leaky/listener leaks" in done.stdout:
        return True
    say("it should have failed with a LeakError")
    return False


def run_example_tests() -> bool:
    """Run the example's own leak tests, a process per core, and return whether they passed."""
    say("the example's leak tests: each leak is caught at its line, each corrected twin is clean")
    say(f"in short: {' '.join(QUICK)} (`make test` takes the example's own)")
    shutil.rmtree(REPORT, ignore_errors=True)
    workers = ["-n", str(min(os.cpu_count() or 1, 4))]
    report = ["--echoleak-report", str(REPORT)]
    return pytest(EXAMPLE, "-v", *workers, *QUICK, *report, "tests/test_leaks.py").returncode == 0


def pytest(folder: Path, *arguments: str, stdout: int | None = None) -> Done:
    color = ["--color=yes"] if sys.stdout.isatty() else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", *color, *arguments],
        cwd=folder,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
    )


def planted_routes() -> tuple[set[str], set[str]]:
    """Return the leaky and the corrected routes that the example's router registers."""
    router = ROUTES.read_text()
    planted = {f"GET /leaky{filled(path)}" for path in _PLANTED_ROUTE.findall(router)}
    corrected = {f"GET /fixed{filled(path)}" for path in _CORRECTED_ROUTE.findall(router)}
    return planted, corrected


def filled(path: str) -> str:
    """Return a route as a workload: a number that never repeats for each parameter."""
    return re.sub(r":\w+", "{i}", path)


def checks_of_report() -> dict[str, list[str]]:
    """Return the workloads by verdict, as the report of the example's tests tells them."""
    path = REPORT / "echoleak.json"
    if not path.exists():
        return {}
    by_verdict: dict[str, list[str]] = {}
    for check in json.loads(path.read_text())["checks"]:
        by_verdict.setdefault(check["verdict"], []).append(check["workload"])
    return by_verdict


def compare(routes: tuple[set[str], set[str]], checks: dict[str, list[str]]) -> bool:
    """Say what was caught, and return whether it is exactly what was planted."""
    planted, corrected = routes
    caught, clean = set(checks.pop("leak", [])), set(checks.pop("clean", []))
    say(f"{len(planted)} leaks planted, {len(planted & caught)} of them caught")
    for title, wrong in (
        ("planted and not caught", planted - caught),
        ("called a leak, though nothing was planted there", caught - planted),
        ("corrected and not found clean", corrected - clean),
        ("not decided", {one for workloads in checks.values() for one in workloads}),
    ):
        if wrong:
            say(f"{title}: {', '.join(sorted(wrong))}")
    return bool(planted) and caught == planted and corrected <= clean and not checks


def seconds() -> str:
    return f"{time.monotonic() - _BEGAN:.0f} s"


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
