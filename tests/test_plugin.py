"""What pytest's users see of the plugin. The checks' outcomes are scripted (fake_conftest.py)."""

from __future__ import annotations

import importlib

import pytest

from pytest_echoleak.settings import ALL_SETTINGS, MARKER_KEYWORDS

# Loaded here once, not by every run of pytest in this process: it takes a while.
importlib.import_module("pytest_echoleak.assertions")

HEAVY = ("docker", "requests", "google.protobuf", "httptools", "psutil", "filelock")


pytestmark = pytest.mark.usefixtures("lean_runs")


# Flags, ini, help


def test_help_names_every_flag_and_every_ini_key(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--help")
    text = result.stdout.str()
    for setting in ALL_SETTINGS:
        assert setting.ini_name in text
        assert not setting.flag or setting.flag_name in text
    result.stdout.fnmatch_lines(["*(default: 0.01)*echoleak_detect*"])


def test_markers_names_every_keyword(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest("--markers").stdout.str()
    line = next(line for line in text.splitlines() if line.startswith("@pytest.mark.echoleak("))
    assert all(f"{keyword}=" in line for keyword in MARKER_KEYWORDS)


def test_fixtures_are_listed_with_what_they_are(pytester: pytest.Pytester) -> None:
    pytester.runpytest("--fixtures").stdout.fnmatch_lines_random(
        [
            "assert_no_leak -- *",
            "*Assert that a request leaks nothing*",
            "echo_service -- *",
            "echo_service_spec * -- *",
            "echo_services * -- *",
            "echoleak_allow * -- *",
        ]
    )


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--echoleak-iterations=0", "*--echoleak-iterations: must be a whole number, 1 or more*"),
        ("--echoleak-iterations=many", "*--echoleak-iterations: must be a whole number*'many'*"),
        ("--echoleak-rounds=2", "*--echoleak-rounds: must be a whole number, 3 or more*"),
        ("--echoleak-detect=nan", "*--echoleak-detect: must be a rate above 0*"),
        ("--echoleak-runtime=podman", "*--echoleak-runtime: must be auto, docker or process*"),
        ("--echoleak-url=localhost", "*--echoleak-url: must be an http*"),
        ("--echoleak-report=conftest.py", "*report: must be a folder, and *conftest.py is a file"),
    ],
)
def test_a_bad_flag_is_a_usage_error(project: pytest.Pytester, flag: str, words: str) -> None:
    result = project.runpytest(flag)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])
    assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("echoleak_iterations = 0", "*echoleak_iterations: must be a whole number, 1 or more*"),
        ("echoleak_iterations = x", "*echoleak_iterations: must be a whole number, 1 or more*"),
        ("echoleak_max_seconds = 0", "*echoleak_max_seconds: must be a finite number*"),
        ("echoleak_port = 8080", "*echoleak_port: says how to start a service*"),
        ("echoleak_env =\n  A=1\n  B", "*echoleak_env: must be lines of the form NAME=value*"),
        (
            "echoleak_image = a\necholeak_binary = b",
            "*echoleak_image and echoleak_binary: each names a service*",
        ),
    ],
)
def test_a_bad_ini_key_is_a_usage_error(project: pytest.Pytester, line: str, words: str) -> None:
    project.makeini(f"[pytest]\n{line}\n")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])


SHOW_OPTIONS = """
import json
from pytest_echoleak.fixtures import RUN_SETTINGS, options_of

def test_show(request, echo_service_spec):
    options = options_of(request.node)
    print("iterations", options.iterations, "expiry", options.expiry)
    print("tolerance", options.tolerance.bytes_per_iteration)
    print("spec", echo_service_spec)
"""


def test_ini_sets_numbers_and_the_service(pytester: pytest.Pytester) -> None:
    pytester.makeini(
        """
        [pytest]
        echoleak_iterations = 1000
        echoleak_expiry = 2.5
        echoleak_tolerance_bytes = 16
        echoleak_go_source = shop
        echoleak_package = ./cmd/server
        echoleak_port = 9000
        echoleak_env =
            A=1
            B=x y
            TOKEN=hush-hush
        """
    )
    pytester.makepyfile(SHOW_OPTIONS)
    result = pytester.runpytest("-s")
    (header,) = [line for line in result.outlines if line.startswith("echoleak: ")]
    assert "hush" not in header
    assert "env=A=... B=... TOKEN=..." in header
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "echoleak: iterations=1000, expiry=2.5, *",
            "*iterations 1000 expiry 2.5",
            "tolerance 16.0",
            f"spec GoSource(*port=9000*path=*{pytester.path}/shop*package='./cmd/server'*",
        ]
    )
    assert "'B': 'x y'" in result.stdout.str()


def test_a_flag_wins_over_ini(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\necholeak_iterations = 1000\necholeak_expiry = 1\n")
    pytester.makepyfile(SHOW_OPTIONS)
    pytester.runpytest("-s", "--echoleak-iterations=50").stdout.fnmatch_lines(
        ["*iterations 50 expiry 1.0"]
    )


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="native TOML came with pytest 9")
def test_native_toml_takes_numbers_and_lists(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(
        """
        [tool.pytest]
        echoleak_iterations = 1000
        echoleak_expiry = 2.5
        echoleak_tolerance_bytes = 16.0
        echoleak_binary = "bin/shop"
        echoleak_env = ["A=1"]
        """
    )
    pytester.makepyfile(SHOW_OPTIONS)
    result = pytester.runpytest("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*iterations 1000 expiry 2.5", "tolerance 16.0", "spec Binary(*"])


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="native TOML came with pytest 9")
def test_native_toml_takes_a_whole_number_of_seconds(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("[tool.pytest]\necholeak_expiry = 2\n")
    pytester.makepyfile(SHOW_OPTIONS)
    pytester.runpytest("-s").stdout.fnmatch_lines(["*iterations None expiry 2.0"])


def test_pyproject_ini_options_take_numbers(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(
        "[tool.pytest.ini_options]\necholeak_iterations = 1000\necholeak_expiry = 2.5\n"
    )
    pytester.makepyfile(SHOW_OPTIONS)
    pytester.runpytest("-s").stdout.fnmatch_lines(["*iterations 1000 expiry 2.5"])


def test_the_url_flag_points_a_run_at_a_running_service(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\necholeak_go_source = shop\n")
    pytester.makepyfile(SHOW_OPTIONS)
    pytester.runpytest(
        "-s", "--echoleak-url=http://127.0.0.1:9", "--echoleak-pprof=:6060/debug/pprof"
    ).stdout.fnmatch_lines(["spec Running(url='http://127.0.0.1:9', pprof=':6060/debug/pprof'*"])


# Marker


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("iteration=5", "*test_it: *echoleak(iteration=...): unknown keyword; known are iterat*"),
        ("rounds=2", "*test_it: @pytest.mark.echoleak(rounds=...): must be a whole number, 3 or*"),
        ("tolerance=16", "*test_it: tolerance: must be a Tolerance*"),
        ("fresh=1", "*test_it: @pytest.mark.echoleak(fresh=...): must be True or False*"),
        ("100", "*test_it: @pytest.mark.echoleak takes keywords only*"),
        ("iterations=4, rounds=5", "*test_it: iterations: 4 cannot fill 5 rounds*"),
    ],
)
def test_a_bad_marker_names_its_test(project: pytest.Pytester, marker: str, words: str) -> None:
    project.makepyfile(f"import pytest\n@pytest.mark.echoleak({marker})\ndef test_it(): pass\n")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])


def test_a_bad_marker_fails_its_test_under_xdist(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.echoleak(iteration=5)
        def test_it(): pass

        def test_other(): pass
        """
    )
    result = project.runpytest_subprocess("-n2")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*test_it: *iteration=...): unknown keyword; known are*"])


# Without it


def test_it_can_be_switched_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass\ndef test_needs(assert_no_leak): pass\n")
    result = pytester.runpytest("-p", "no:echoleak")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'assert_no_leak' not found"])


@pytest.mark.parametrize("arguments", [(), ("-W", "error"), ("-n2",), ("-p", "no:terminal")])
def test_unused_it_loads_nothing_heavy_and_says_nothing(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        f"""
        import sys

        def test_it():
            heavy = {HEAVY}
            assert not [name for name in heavy if name in sys.modules]
            assert not [name for name in sys.modules if name.startswith("pytest_echoleak.serv")]
        """
    )
    result = pytester.runpytest_subprocess(*arguments)
    assert result.ret == 0
    assert "echoleak:" not in result.stdout.str()
