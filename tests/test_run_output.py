"""What a run says and writes: text, reports, progress. Outcomes are scripted (fake_conftest.py)."""

from __future__ import annotations

import importlib
import json
import os
import pty
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

# Loaded here once, not by every run of pytest in this process: it takes a while.
importlib.import_module("pytest_echoleak.assertions")

pytestmark = pytest.mark.usefixtures("lean_runs")


def checks_of(folder: Path) -> list[dict[str, Any]]:
    written = json.loads((folder / "echoleak.json").read_text())
    assert written["schema"] == 1
    checks: list[dict[str, Any]] = written["checks"]
    return checks


FOUR_TESTS = """
import pytest
from pytest_echoleak import Allow

def test_leak(assert_no_leak):
    assert_no_leak("GET /leak", iterations=1000)

def test_clean(assert_no_leak):
    report = assert_no_leak("GET /clean/{i}", iterations=1000)
    assert report.verdict == "clean"
    assert_no_leak("GET /clean", iterations=1000)

def test_odd(assert_no_leak):
    lru = Allow(function="nothing.*", reason="an LRU")
    assert_no_leak("GET /odd", iterations=1000, allow=[lru])

def test_broken(assert_no_leak):
    assert_no_leak("GET /broken")
"""


def test_a_failure_ends_on_the_users_line_and_its_first_line_stands_alone(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(FOUR_TESTS)
    result = project.runpytest("-W", "error")
    result.assert_outcomes(failed=3, passed=1)
    result.stdout.fnmatch_lines(
        [
            '>       assert_no_leak("GET /leak", *',
            "E       *LeakError: GET /leak leaks 1.000 object (64 B) per request, over 1,000 req*",
            "E         1.  64 B, 1.000 object per request, exact   internal/user.go:42  *User).Get",
            "E         profiles  .echoleak/*test_leak/   go tool pprof -diff_base before* after*",
            "E         again     pytest *::test_leak",
            "*.py:5: LeakError",
            '>       assert_no_leak("GET /odd", *',
            "E       *InconclusiveError: GET /odd is inconclusive after 1,000 requests: growth*",
            "*.py:14: InconclusiveError",
            '>       assert_no_leak("GET /broken")',
            "E       *WorkloadError: GET /broken: iteration 37 was answered with 500",
            "*.py:17: WorkloadError",
        ]
    )
    assert "fixtures.py" not in result.stdout.str()


def test_the_summary_tells_all_checks_where_something_failed(project: pytest.Pytester) -> None:
    project.makepyfile(FOUR_TESTS)
    project.runpytest().stdout.fnmatch_lines(
        [
            "*= echoleak =*",
            "*::test_leak",
            "  leak          GET /leak leaks 1.000 object (64 B) per request*",
            "*internal/user.go:42*",
            "*::test_clean",
            "  clean         GET /clean/{i} is clean: nothing stayed of 1,000 requests*",
            "  clean         GET /clean is clean*",
            "  inconclusive  GET /odd is inconclusive after 1,000 requests*",
            "  error         GET /broken could not be checked: WorkloadError: *",
            "service Running(http://127.0.0.1:1): process, because no engine answers",
            "unused: Allow(function='nothing.*') matched nothing in this run*",
        ]
    )


def test_a_pass_says_nothing_without_v_and_what_it_proved_with_it(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    project.makepyfile("def test_it(assert_no_leak): assert_no_leak('GET /clean', iterations=1000)")
    assert "echoleak =" not in project.runpytest().stdout.str()
    project.runpytest("-v").stdout.fnmatch_lines(
        [
            "*GET /clean is clean: nothing stayed of 1,000 requests, so fewer than 1 in 140 leaks"
            " (99.9 %, identical requests)*"
        ]
    )


def test_the_report_holds_every_check(project: pytest.Pytester) -> None:
    project.makepyfile(FOUR_TESTS)
    result = project.runpytest("--echoleak-report=out")
    result.stdout.fnmatch_lines(["report: *out/echoleak.json"])
    checks = checks_of(project.path / "out")
    assert [check["verdict"] for check in checks] == [
        "leak",
        "clean",
        "clean",
        "inconclusive",
        "error",
    ]
    assert checks[0]["findings"][0]["file"] == "internal/user.go"
    assert checks[0]["artifacts"][0].endswith("test_leak/before.heap.pb.gz")
    assert not Path(checks[0]["artifacts"][0]).is_absolute()
    assert checks[-1]["reason"].startswith("WorkloadError: GET /broken: iteration 37")
    assert (checks[-1]["go_version"], checks[-1]["runtime"]) == ("go1.27.3", "process")


def test_under_xdist_one_file_holds_the_checks_of_all_workers(project: pytest.Pytester) -> None:
    project.makepyfile(FOUR_TESTS)
    result = project.runpytest_subprocess("-n2", "--echoleak-report=out", "-W", "error")
    result.assert_outcomes(failed=3, passed=1)
    result.stdout.fnmatch_lines(["*= echoleak =*", "  leak *GET /leak*"])
    verdicts = sorted(check["verdict"] for check in checks_of(project.path / "out"))
    assert verdicts == ["clean", "clean", "error", "inconclusive", "leak"]
    assert [path.name for path in (project.path / "out").iterdir()] == ["echoleak.json"]


def test_a_worker_that_crashes_takes_no_other_results_with_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import os, pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(assert_no_leak, number):
            assert_no_leak("GET /clean")
            if number == 3:
                os._exit(3)
        """
    )
    project.runpytest_subprocess("-n2", "--echoleak-report=out")
    names = {check["nodeid"].partition("[")[2] for check in checks_of(project.path / "out")}
    assert names == {"0]", "1]", "2]", "4]", "5]"}


def test_a_report_without_checks_is_written_too(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(): pass")
    project.runpytest("--echoleak-report=out")
    assert checks_of(project.path / "out") == []


def test_a_report_that_cannot_be_written_costs_no_summary(project: pytest.Pytester) -> None:
    project.makepyfile("def test_fails(): assert 1 == 2")
    result = project.runpytest("--echoleak-report=conftest.py/out")
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*no report: *conftest.py/out cannot be*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    project.makepyfile("def test_passes(): pass")
    result = project.runpytest("--echoleak-report=conftest.py/out")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR


def test_collecting_writes_no_report(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(): pass")
    project.runpytest("--echoleak-report=out", "--collect-only")
    assert not (project.path / "out").exists()


def test_the_report_folder_in_ini_is_relative_to_the_ini_file(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\necholeak_report = out\n")
    folder = project.mkdir("sub")
    (folder / "test_it.py").write_text("def test_it(): pass")
    project.chdir()
    project.runpytest("sub", "--rootdir=sub")
    assert checks_of(project.path / "out") == []


def test_junit_has_the_properties_of_each_check(project: pytest.Pytester) -> None:
    project.makepyfile(
        FOUR_TESTS + "\ndef test_hostile(assert_no_leak):"
        "\n    assert_no_leak('GET /clean\\x1b\\x00\\ufffe<&')\n"
    )
    project.runpytest("--junitxml=junit.xml")
    properties = {
        case.get("name"): {
            prop.get("name"): prop.get("value") for prop in case.iterfind("properties/property")
        }
        for case in ElementTree.parse(project.path / "junit.xml").iter("testcase")
    }
    assert properties["test_leak"]["echoleak.verdict"] == "leak"
    assert properties["test_leak"]["echoleak.location"] == "internal/user.go:42"
    assert properties["test_clean"]["echoleak.verdict"] == "clean"
    assert properties["test_clean"]["echoleak.2.workload"] == "GET /clean"
    assert properties["test_broken"]["echoleak.verdict"] == "error"
    assert properties["test_hostile"]["echoleak.verdict"] == "clean"


# Progress

SLOW_CHECK = """
import sys
from pytest_echoleak.results import Progress

def test_it(assert_no_leak, monkeypatch):
    check = sys.modules["pytest_echoleak.check"]
    real = check.check_service

    def slow(*args, progress, **more):
        for tenth in range(50):
            print("captured")
            progress(Progress("GET /clean", "round 2", 20 * tenth, 1000, tenth / 10))
        return real(*args, progress=progress, **more)

    monkeypatch.setattr(check, "check_service", slow)
    assert_no_leak("GET /clean")
"""


def run_on_terminal(*arguments: str, **environment: str) -> str:
    """Run pytest with a terminal as its output, and return all that was written to it."""
    base = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**base, "TERM": "xterm", "COLUMNS": "100", **environment},
    )
    os.close(theirs)
    written = []
    while True:
        try:
            written.append(os.read(ours, 65_536))
        except OSError:  # the other end is closed
            break
        if not written[-1]:
            break
    os.close(ours)
    assert process.wait() == 0
    return b"".join(written).decode()


def test_a_long_check_shows_its_progress_on_a_terminal_and_leaves_no_trace(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(test_it=SLOW_CHECK)
    text = run_on_terminal()
    assert re.search(r"  GET /clean, round 2, \d+/1,000, 2\.\d s\x1b\[K\x1b8", text)
    assert "captured" not in text
    shown, _, after = text.rpartition("\x1b7\x1b[K\x1b8")
    assert "round 2" in shown
    assert "round 2" not in after
    assert "1 passed" in after


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(("-q",), {}), ((), {"CI": "true"}), (("-n1",), {}), ((), {"TERM": "dumb"})],
)
def test_nobody_is_bothered_with_progress_who_does_not_watch(
    project: pytest.Pytester, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    project.makepyfile(test_it=SLOW_CHECK)
    assert "round 2" not in run_on_terminal(*arguments, **environment)
