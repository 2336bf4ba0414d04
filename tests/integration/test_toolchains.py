"""Services built by every Go that people use, and by the example's own Dockerfile."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import tests
from pytest_echoleak import Dockerfile, assert_no_leak, start
from pytest_echoleak.services.gobuild import find_go
from tests.integration.apps import LEAKS, assert_one_object, caught, leaks, the_finding

EXAMPLE = Path(tests.__file__).parents[1] / "example_project"


@pytest.fixture(params=["go1.21.13", "go1.24.11", "go1.26.8", "go1.27.3"])
def toolchain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Go of that version, which the go command fetches where it is not there yet."""
    version: str = request.param
    monkeypatch.setenv("GOTOOLCHAIN", version)
    done = subprocess.run(
        [find_go(), "env", "GOVERSION"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = f"{version} cannot be had: {done.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    assert done.stdout.strip() == version
    return version


def test_each_go_shows_a_leak_at_its_line_and_its_twin_clean(toolchain: str) -> None:
    with start(leaks(), runtime="process") as service:
        report = caught(service, "GET /object")
        waiting = caught(service, "GET /goroutine")
        clean = assert_no_leak(service, "GET /healthy")

    assert report.go_version == toolchain
    assert_one_object(the_finding(report, LEAKS, "object"))
    assert the_finding(waiting, LEAKS, "goroutine").kind == "goroutine"
    assert clean.verdict == "clean"


def test_the_example_as_its_own_dockerfile_builds_it(golang_image: str) -> None:
    assert golang_image in (EXAMPLE / "Dockerfile").read_text(encoding="utf-8")
    env = {"PPROF": "1", "LOG_LEVEL": "WARN"}
    spec = Dockerfile(EXAMPLE, env=env, ready="/healthz", agent=False)

    with start(spec, runtime="docker") as service:
        assert_no_leak(service, "GET /healthz")
        report = caught(service, "GET /leaky/listener")

    assert {finding.location.file for finding in report.findings} <= {
        "internal/handlers/watches.go",
        "internal/events/bus.go",
    }
    assert sum(one.objects_per_iteration for one in report.findings) >= 0.99
