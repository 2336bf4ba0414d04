"""Whole runs of pytest over real Go services: nothing between the test and the service is faked."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.services.containers.engine import Engine
from tests.goapps import app

# Loaded here once, not by every run of pytest in this process: it takes a while.
importlib.import_module("pytest_echoleak.assertions")

TESTS = """
import pytest
from pytest_echoleak import LeakError

def test_leak(assert_no_leak):
    with pytest.raises(LeakError) as caught:
        assert_no_leak("GET /object", plateau=0)
    [finding] = caught.value.report.findings
    assert finding.objects_per_iteration == pytest.approx(1, abs=0.01)
    assert finding.location.function == "main.object"

def test_healthy(assert_no_leak):
    assert_no_leak("GET /healthy")

@pytest.mark.echoleak(fresh=True)
def test_fresh(echo_service, assert_no_leak):
    before = echo_service.base_url
    assert_no_leak(lambda: echo_service.session().get("/healthy").raise_for_status())
    echo_service.restart()
    assert_no_leak("GET /healthy")
"""


@pytest.fixture(scope="session")
def go_folders() -> dict[str, str]:
    """Go's caches. pytester moves the home folder, where they would be empty."""
    command = ["go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOENV"]
    answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    folders: dict[str, str] = json.loads(answer)
    return folders


@pytest.fixture
def project(
    go_folders: dict[str, str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A project whose ini file names the service."""
    for name, folder in go_folders.items():
        monkeypatch.setenv(name, folder)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makeini(f"[pytest]\necholeak_go_source = {app('leaks')}\n")
    return pytester


def verdicts(folder: Path) -> list[tuple[str, str]]:
    checks: list[dict[str, Any]] = json.loads((folder / "echoleak.json").read_text())["checks"]
    return sorted((check["nodeid"].partition("::")[2], check["verdict"]) for check in checks)


ALL = [
    ("test_fresh", "clean"),
    ("test_fresh", "clean"),
    ("test_healthy", "clean"),
    ("test_leak", "leak"),
]


def test_checks_pass_and_fail_as_processes(project: pytest.Pytester) -> None:
    project.makepyfile(TESTS)
    result = project.runpytest("--echoleak-runtime=process", "--echoleak-report=out", "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["  leak *GET /object*", "*main.go:* main.object", "service GoSource(*: process*"]
    )
    assert verdicts(project.path / "out") == ALL


def test_checks_pass_and_fail_in_docker_under_xdist(
    project: pytest.Pytester,
    docker_engine: Engine,  # noqa: ARG001 - skips or fails without one
) -> None:
    project.makepyfile(TESTS)
    result = project.runpytest_subprocess(
        "-n2", "--echoleak-runtime=docker", "--echoleak-report=out", "-W", "error"
    )
    result.assert_outcomes(passed=3)
    assert verdicts(project.path / "out") == ALL


def test_a_failing_check_leaves_its_profiles_and_says_how_to_read_them(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        test_it="def test_it(assert_no_leak): assert_no_leak('GET /object', plateau=0)"
    )
    result = project.runpytest("--echoleak-runtime=process")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   LeakError: GET /object leaks 1.000 object (64 B) per request, over *",
            "E     1.  64 B, 1.000 object per request, exact   main.go:*  main.object",
            "E     profiles  .echoleak/test_it.test_it/   go tool pprof -diff_base before* after*",
        ]
    )
    names = {path.name for path in (project.path / ".echoleak" / "test_it.test_it").iterdir()}
    assert {"before.heap.pb.gz", "after.heap.pb.gz"} <= names
