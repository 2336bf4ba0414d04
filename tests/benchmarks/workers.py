"""Twenty checks of a handler that sleeps, on one worker of pytest-xdist and on two."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.table import Row
from tests.benchmarks.timing import alternating, median, median_ratio, seconds
from tests.benchmarks.verdicts import SITES

CHECKS = 20
REQUIRED_RATIO = 1.6
RUNS = 3

_CONFTEST = """
import pytest
from pytest_echoleak import GoSource

@pytest.fixture(scope="session")
def echo_service_spec():
    return GoSource({path!r}, ready="/healthy")
"""
_TEST = """
import pytest

@pytest.mark.parametrize("number", range({checks}))
def test_sleeping(assert_no_leak, number):
    assert_no_leak(f"GET /sleep?{{number}}")
"""


def rows(runtime: str) -> Iterator[Row]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "conftest.py").write_text(_CONFTEST.format(path=str(SITES.path)))
        Path(folder, "test_sleeping.py").write_text(_TEST.format(checks=CHECKS))

        def run(workers: int) -> float:
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            command += ["-n", str(workers), "--echoleak-runtime", runtime]
            # Shorter than by default, for the sake of this benchmark's own time.
            command += ["--echoleak-detect", "0.05", "--echoleak-warmup", "50", folder]
            return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

        results = alternating(RUNS, lambda: run(1), lambda: run(2))
    ratio = median_ratio(results)
    yield Row(
        f"{CHECKS} checks of a handler that sleeps 5 ms ({runtime}), two workers",
        median(results, 1),
        "one worker",
        median(results, 0),
        f"{ratio:.2f} times as fast",
        f"at least {REQUIRED_RATIO} times",
        ratio >= REQUIRED_RATIO,
    )
