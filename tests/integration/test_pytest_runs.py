"""Whole runs of pytest on real services: what is said and written, and who gets which service."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.services.launch import RuntimeChoice
from tests.integration.apps import FAULTY, LEAKS, line_of

pytestmark = pytest.mark.usefixtures("users_caches")

SPEC = f"""
import pytest
from pytest_echoleak import GoSource

@pytest.fixture(scope="session")
def echo_service_spec():
    return GoSource({str(LEAKS)!r})
"""
QUICK = "iterations=450, warmup=50, plateau=0, detect=0.1"
A_LEAK = f"""
def test_leaky(assert_no_leak):
    assert_no_leak("GET /object", {QUICK})
"""
NO_LEAK = """
def test_healthy(assert_no_leak):
    report = assert_no_leak("GET /healthy", detect=0.1)
    assert report.verdict == "clean"
"""


def run(pytester: pytest.Pytester, *arguments: str, runtime: str = "process") -> pytest.RunResult:
    """Run pytest as users do, in a process of its own; whatever it leaves open is an error."""
    return pytester.runpytest_subprocess(
        "-Werror", "-p", "no:hypothesispytest", f"--echoleak-runtime={runtime}", *arguments
    )


def checks_of(folder: Path) -> dict[str, dict[str, Any]]:
    written = json.loads((folder / "echoleak.json").read_text(encoding="utf-8"))
    return {check["nodeid"].partition("::")[2]: check for check in written["checks"]}


def test_a_leak_fails_its_test_at_its_line_and_is_in_every_report(
    pytester: pytest.Pytester, runtime: RuntimeChoice
) -> None:
    pytester.makeconftest(SPEC)
    pytester.makepyfile(A_LEAK + NO_LEAK)

    result = run(
        pytester, "-v", "--echoleak-report=report", "--junitxml=junit.xml", runtime=runtime
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *LeakError: GET /object leaks 1.000 object (64 B) per request, over 450 requests",
            f"E *1.  64 B, 1.000 object per request, exact*main.go:{line_of(LEAKS, 'object')}*",
        ]
    )
    result.stdout.fnmatch_lines(["*GET /healthy*clean*"])
    checks = checks_of(pytester.path / "report")
    assert {name: check["verdict"] for name, check in checks.items()} == {
        "test_leaky": "leak",
        "test_healthy": "clean",
    }
    assert checks["test_leaky"]["runtime"] == runtime
    (finding,) = checks["test_leaky"]["findings"]
    assert finding["objects_per_iteration"] == pytest.approx(1.0, abs=0.01)
    assert checks["test_leaky"]["artifacts"]
    for artifact in checks["test_leaky"]["artifacts"]:
        assert (pytester.path / "report" / artifact).read_bytes()[:2] == b"\x1f\x8b"
    junit = ElementTree.parse(pytester.path / "junit.xml").getroot()
    assert len(list(junit.iter("property"))) >= 2


def test_workers_of_xdist_write_one_report(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makeconftest(SPEC)
    pytester.makepyfile(test_one=A_LEAK, test_two=NO_LEAK, test_three=A_LEAK)

    result = run(pytester, "-n2", "--echoleak-report=report")

    result.assert_outcomes(passed=1, failed=2)
    written = json.loads((pytester.path / "report/echoleak.json").read_text(encoding="utf-8"))
    assert sorted(check["verdict"] for check in written["checks"]) == ["clean", "leak", "leak"]


def test_each_folder_gets_the_service_of_its_own_spec(pytester: pytest.Pytester) -> None:
    for name, path in (("one", LEAKS), ("two", FAULTY)):
        folder = pytester.mkdir(name)
        (folder / "conftest.py").write_text(SPEC.replace(str(LEAKS), str(path)))
        (folder / f"test_{name}.py").write_text(
            "from pathlib import Path\n"
            "def test_is_its_own(echo_service, assert_no_leak):\n"
            f"    assert Path(echo_service.spec.path).name == {path.name!r}\n"
            f"    assert echo_service.session().get('/healthy').text.startswith("
            f"{'healthy' if path == LEAKS else 'well'!r})\n"
            "    assert_no_leak('GET /healthy', detect=0.1)\n"
        )

    run(pytester).assert_outcomes(passed=2)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_a_parametrised_spec_of_any_scope(pytester: pytest.Pytester, scope: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from pytest_echoleak import GoSource

        @pytest.fixture(scope={scope!r}, params=["a", "b"])
        def echo_service_spec(request):
            return GoSource({str(LEAKS)!r}, env={{"FOR": request.param}})

        seen = {{}}

        def test_first(echo_service):
            seen[echo_service.spec.env["FOR"]] = echo_service.base_url

        def test_second(echo_service, assert_no_leak):
            assert seen[echo_service.spec.env["FOR"]] == echo_service.base_url
            assert_no_leak("GET /healthy", detect=0.1)

        def test_last(assert_no_leak):
            assert len(set(seen.values())) == len(seen)
            assert_no_leak("GET /healthy", detect=0.1)
        """
    )

    run(pytester).assert_outcomes(passed=6)


def test_a_fresh_service_is_a_tests_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SPEC)
    pytester.makepyfile(
        """
        import pytest

        urls = []

        def test_shared(echo_service):
            urls.append(echo_service.base_url)

        @pytest.mark.echoleak(fresh=True, detect=0.1)
        def test_own(echo_service, assert_no_leak):
            assert echo_service.base_url not in urls
            assert assert_no_leak("GET /healthy").bounds.detect == 0.1

        def test_shared_again(echo_service):
            assert urls == [echo_service.base_url]
        """
    )

    run(pytester).assert_outcomes(passed=3)


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="subtests came with pytest 9")
def test_every_check_in_subtests_counts(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SPEC)
    pytester.makepyfile(
        f"""
        import pytest

        def test_routes(subtests, assert_no_leak):
            for path in ("/object", "/healthy", "/block"):
                with subtests.test(path=path):
                    assert_no_leak(f"GET {{path}}", {QUICK})
        """
    )

    result = run(pytester, "--echoleak-report=report")

    result.stdout.fnmatch_lines(["*GET /object leaks*", "*GET /block leaks*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    written = json.loads((pytester.path / "report/echoleak.json").read_text(encoding="utf-8"))
    assert [check["verdict"] for check in written["checks"]] == ["leak", "clean", "leak"]


def test_an_async_test_with_its_loop_running(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        SPEC
        + """
import asyncio, inspect

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True
"""
    )
    pytester.makepyfile(
        f"""
        import asyncio, pytest
        from pytest_echoleak import LeakError

        async def test_in_a_loop(echo_service, assert_no_leak):
            async def look():
                await asyncio.to_thread(echo_service.session().get, "/healthy")

            assert_no_leak(look, detect=0.1)
            assert_no_leak("GET /healthy", detect=0.1)
            with pytest.raises(LeakError):
                assert_no_leak("GET /object", {QUICK})
        """
    )

    run(pytester).assert_outcomes(passed=1)


def test_a_service_that_cannot_be_built_fails_with_what_the_compiler_said(
    pytester: pytest.Pytester,
) -> None:
    (pytester.path / "go.mod").write_text("module example.com/broken\n\ngo 1.21\n")
    (pytester.path / "main.go").write_text("package main\n\nfunc main() { forgotten() }\n")
    pytester.makeconftest(SPEC.replace(str(LEAKS), str(pytester.path)))
    pytester.makepyfile(NO_LEAK)

    result = run(pytester)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*BuildError*", "*main.go:3*undefined: forgotten*"])


def test_no_engine_where_docker_is_asked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    pytester.makeconftest(SPEC)
    pytester.makepyfile(NO_LEAK)

    result = run(pytester, runtime="docker")
    result.stdout.fnmatch_lines(["*EngineError*127.0.0.1:1*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED

    result = run(pytester, "-v", runtime="auto")
    result.assert_outcomes(passed=1)
    assert "process: No Docker engine answers at tcp://127.0.0.1:1" in " ".join(
        result.stdout.str().split()
    )


def test_an_unused_plugin_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_lean():
            assert not {"docker", "requests", "google.protobuf"} & set(sys.modules)
        """
    )

    run(pytester).assert_outcomes(passed=1)
