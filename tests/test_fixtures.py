"""The fixtures as tests use them. The checks' outcomes are scripted: see fake_conftest.py."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from pytest_echoleak.fixtures import artifacts_folder

# Loaded here once, not by every run of pytest in this process: it takes a while.
importlib.import_module("pytest_echoleak.assertions")

FAKE_CONFTEST = (Path(__file__).parent / "fake_conftest.py").read_text()


pytestmark = pytest.mark.usefixtures("lean_runs")


def test_without_a_spec_the_failure_shows_how_to_define_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(assert_no_leak): assert_no_leak('GET /')")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "No service to test: nothing says what to start.*",
            "*def echo_service_spec():",
            "*return GoSource(*",
            "*--echoleak-url *",
        ]
    )


def test_a_test_that_only_asks_for_the_fixture_needs_no_service(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(assert_no_leak, echoleak_allow): assert echoleak_allow == []")
    pytester.runpytest().assert_outcomes(passed=1)


def test_equal_specs_share_a_service_and_fresh_gives_one_of_its_own(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
        import pytest

        kept = []

        def test_first(echo_service): assert echo_service.number == 1

        @pytest.mark.echoleak(fresh=True)
        def test_fresh(echo_service):
            kept.append(echo_service)
            assert echo_service.number == 2

        def test_third(echo_service):
            assert echo_service.number == 1
            assert kept[0].stopped
            assert not echo_service.stopped
        """
    )
    project.runpytest().assert_outcomes(passed=3)


def test_a_marker_on_the_class_or_module_holds_for_its_tests_and_the_closest_wins(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.echoleak(iterations=100, warmup=7)

        class TestIt:
            pytestmark = pytest.mark.echoleak(iterations=50)

            @pytest.mark.echoleak(rounds=4)
            def test_it(self, assert_no_leak):
                report = assert_no_leak("GET /clean")
                assert (report.iterations, report.warmup, report.rounds) == (50, 7, 4)
                assert assert_no_leak("GET /clean", iterations=60).iterations == 60
        """
    )
    project.runpytest("--echoleak-iterations=9", "--echoleak-warmup=9").assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_a_spec_may_have_any_scope_and_be_parametrised(
    project: pytest.Pytester, scope: str
) -> None:
    project.makepyfile(
        f"""
        import pytest
        from pytest_echoleak import Running

        @pytest.fixture(scope="{scope}", params=[1, 2])
        def echo_service_spec(request):
            return Running(f"http://127.0.0.1:{{request.param}}")

        def test_it(assert_no_leak, request):
            report = assert_no_leak("GET /clean")
            assert request.getfixturevalue("echo_service").spec.url in (
                "http://127.0.0.1:1", "http://127.0.0.1:2")

        def test_both(echo_service, assert_no_leak):
            assert_no_leak("GET /clean")
        """
    )
    project.runpytest("-v").assert_outcomes(passed=4)


def test_each_folder_gets_its_own_service(project: pytest.Pytester) -> None:
    for number, name in enumerate(("one", "two"), start=1):
        folder = project.mkpydir(name)
        (folder / "conftest.py").write_text(
            "import pytest\n"
            "from pytest_echoleak import Running\n"
            "@pytest.fixture\n"
            f"def echo_service_spec(): return Running('http://127.0.0.1:{number}')\n"
        )
        (folder / "test_it.py").write_text(
            "def test_it(echo_service):\n"
            f"    assert echo_service.spec.url.endswith(':{number}')\n"
            f"    assert echo_service.number == {number}\n"
        )
    project.runpytest().assert_outcomes(passed=2)


def test_another_service_can_be_checked(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from pytest_echoleak import Running

        def test_it(echo_services, assert_no_leak):
            other = echo_services.get(Running("http://127.0.0.1:7"))
            assert assert_no_leak("GET /clean", service=other).service == "Running(1)"
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_a_module_scoped_fixture_of_the_users_can_use_the_services(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def shop(echo_services, echo_service_spec):
            return echo_services.get(echo_service_spec)

        def test_it(shop, echo_service):
            assert shop is echo_service
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_the_suites_allows_and_the_tests_own_are_used_together(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from pytest_echoleak import Allow

        @pytest.fixture(scope="session")
        def echoleak_allow():
            return [Allow(function="nothing.suite", reason="an LRU")]

        def test_it(assert_no_leak):
            mine = Allow(function="nothing.test", reason="a pool")
            report = assert_no_leak("GET /clean", allow=[mine])
            assert report.unused_allows == ("nothing.suite", "nothing.test")
        """
    )
    result = project.runpytest()
    result.stdout.fnmatch_lines(["unused: Allow(function='nothing.test')*a pool*"])
    assert "nothing.suite" not in result.stdout.str()
    project.runpytest("-v").stdout.fnmatch_lines(["unused: Allow(function='nothing.suite')*"])


def test_a_bad_argument_names_itself(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(assert_no_leak): assert_no_leak('GET /', rounds=2)")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *SettingError: rounds: must be a whole number, 3 or more, not 2*", "*.py:1: Setting*"]
    )
    assert "settings.py" not in result.stdout.str()


def test_async_tests_call_it_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import asyncio

        def test_it(assert_no_leak):
            async def body():
                return assert_no_leak("GET /clean")

            assert asyncio.run(body()).verdict == "clean"
        """
    )
    project.runpytest("-W", "error").assert_outcomes(passed=1)


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="subtests came with pytest 9")
def test_checks_in_subtests_all_count(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(assert_no_leak, subtests):
            for path in ("/leak", "/clean", "/leak/too"):
                with subtests.test(path):
                    assert_no_leak(f"GET {path}")
        """
    )
    result = project.runpytest("--echoleak-report=out")
    result.stdout.fnmatch_lines(["SUBFAILED*/leak*", "SUBFAILED*/leak/too*"])
    written = json.loads((project.path / "out" / "echoleak.json").read_text())
    assert [check["workload"] for check in written["checks"]] == [
        "GET /leak",
        "GET /clean",
        "GET /leak/too",
    ]


def test_a_check_in_a_fixture_counts_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.fixture
        def around(assert_no_leak):
            assert_no_leak("GET /clean/before")
            yield
            assert_no_leak("GET /clean/after")

        def test_it(around): pass
        """
    )
    project.runpytest("--echoleak-report=out").assert_outcomes(passed=1)
    written = json.loads((project.path / "out" / "echoleak.json").read_text())
    assert len(written["checks"]) == 2


def test_artifacts_of_every_check_have_a_folder_of_their_own(pytester: pytest.Pytester) -> None:
    items = pytester.getitems(
        """
        import pytest

        class TestIt:
            @pytest.mark.parametrize("path", ["a/b", "a:b", "../../x", "y" * 300])
            def test_it(self, path): pass

        def test_plain(): pass
        """
    )
    folders = [artifacts_folder(item, check) for item in items for check in (1, 2)]
    base = pytester.path / ".echoleak"
    assert len(set(folders)) == 10
    assert all(folder.parent == base for folder in folders)
    assert all(len(folder.name) < 140 for folder in folders)
    assert folders[-2].name.endswith(".test_plain")
    assert folders[-1].name.endswith(".test_plain-2")


def test_a_service_without_the_agent_is_checked_without_a_self_test(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(
        """
        def test_it(assert_no_leak):
            assert_no_leak("GET /clean")
            assert_no_leak("GET /clean")
        """
    )
    result = project.runpytest("--echoleak-selftest", "-v")
    result.assert_outcomes(passed=1)
    assert " ".join(result.stdout.str().split()).count("no self-test: it has no agent") == 1


def test_a_self_test_that_fails_is_in_the_report(project: pytest.Pytester) -> None:
    failing = """
HAS_AGENT = True
selftest = types.ModuleType("pytest_echoleak.selftest")
selftest.require_passed = None

def self_test(service):
    from pytest_echoleak import SnapshotError
    raise SnapshotError("planted leaks were not seen")

selftest.self_test = self_test
sys.modules["pytest_echoleak.selftest"] = selftest
"""
    project.makeconftest(FAKE_CONFTEST + failing)
    project.makepyfile("def test_it(assert_no_leak): assert_no_leak('GET /clean')")
    result = project.runpytest("--echoleak-selftest", "--echoleak-report=out")
    result.assert_outcomes(failed=1)
    (check,) = json.loads((project.path / "out" / "echoleak.json").read_text())["checks"]
    assert (check["verdict"], check["reason"]) == (
        "error",
        "SnapshotError: planted leaks were not seen",
    )


def test_causes_of_the_hook_reach_the_check(project: pytest.Pytester) -> None:
    hook = """
from pytest_echoleak import Cause

def pytest_echoleak_causes(config):
    return [Cause("{name}", "text", "fix", "see", lambda clues: True)]
"""
    project.makeconftest(FAKE_CONFTEST + hook.format(name="tenant"))
    folder = project.mkpydir("deeper")
    (folder / "conftest.py").write_text(hook.format(name="lease"))
    test = "def test_it(assert_no_leak): assert_no_leak('GET /leak')"
    (folder / "test_deeper.py").write_text(test)
    project.makepyfile(test_above=test)

    result = project.runpytest("--echoleak-report", "report")

    result.assert_outcomes(failed=2)
    checks = json.loads((project.path / "report" / "echoleak.json").read_text())["checks"]
    causes = {one["nodeid"].split("::")[0]: one["findings"][0]["cause"] for one in checks}
    assert causes == {"deeper/test_deeper.py": "lease,tenant", "test_above.py": "tenant"}


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("['x']", "'x'"),
        ("7", "7"),
        ("Cause('tenant', 't', 'f', 's', None)", "Cause(name='tenant'*"),
    ],
)
def test_what_the_hook_returns_must_be_causes(
    project: pytest.Pytester, returned: str, told: str
) -> None:
    hook = f"\n\ndef pytest_echoleak_causes(config): return {returned}\n"
    project.makeconftest(FAKE_CONFTEST + hook)
    project.makepyfile("def test_it(assert_no_leak): assert_no_leak('GET /leak')")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(f"*pytest_echoleak_causes must return a list of Cause, not {told}*")
