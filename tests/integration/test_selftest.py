"""The self-test and the doctor, on real services: what is planted is seen, and goes again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_echoleak import GoSource, Running, SnapshotError, start
from pytest_echoleak.__main__ import main
from pytest_echoleak.agent.client import AgentClient, AgentRefusalError
from pytest_echoleak.ownership import is_planted
from pytest_echoleak.selftest import require_passed, self_test
from pytest_echoleak.service import EchoServices
from tests.integration.apps import LEAKS, caught, leaks
from tests.integration.test_agent import bare, endpoint
from tests.integration.test_pytest_runs import NO_LEAK, SPEC, run


def test_each_planted_object_and_goroutine_is_seen_and_goes(services: EchoServices) -> None:
    service = services.get(leaks())
    before = service.snapshot().goroutine_count
    for _ in range(2):
        done = self_test(service)
        assert done.passed, done
        assert (done.seen_objects, done.seen_bytes, done.seen_goroutines) == (300, 19_200, 300)
        assert "300 of 300 planted objects" in done.sentence
    assert service.snapshot().goroutine_count == before
    report = caught(service, "GET /object")
    assert len(report.findings) == 1, "the self-test leaves nothing that a check would see"


def test_a_service_whose_profile_is_sampled_says_so(tmp_path: Path) -> None:
    spec = GoSource(bare(tmp_path), env={"GODEBUG": "memprofilerate=4096"})
    with start(spec, runtime="process") as service:
        done = self_test(service)
    assert done.passed
    assert not done.exact
    assert "objects are sampled" in done.sentence


def test_an_agent_that_sees_nothing_fails_the_self_test(processes: EchoServices) -> None:
    """The rate is as it would be had the service set it: nothing is recorded."""
    service = processes.fresh(leaks())
    with AgentClient(endpoint(service)) as client:
        client.set_profile_rate(0)
        done = self_test(service)
        client.set_profile_rate(1)
        client.plant(0, 0, 0)
    assert done.seen_objects == 0
    with pytest.raises(SnapshotError, match=r"self-test failed: .*0 of 300"):
        require_passed(service, done)


def test_planting_stays_within_bounds(processes: EchoServices) -> None:
    with AgentClient(endpoint(processes.get(leaks()))) as client:
        for numbers in ((-1, 64, 0), (1 << 21, 64, 0), (1, 1 << 21, 0), (1, 64, 1 << 21)):
            with pytest.raises(AgentRefusalError, match="from 0 to"):
                client.plant(*numbers)


def test_what_is_planted_is_taken_away_after_an_error(
    processes: EchoServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = processes.get(leaks())
    take = service.source.take
    with monkeypatch.context() as patched:
        patched.setattr(service, "snapshot", lambda: take(None))
        patched.setattr(service.source, "take", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            self_test(service)
    last = service.snapshot()
    assert not any(is_planted(last.stacks[site]) for site in last.goroutines)


class TestDoctor:
    def test_a_service_with_the_agent(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", str(LEAKS), "--runtime", "process"]) == 0
        text = capsys.readouterr().out
        assert "process: asked for by runtime=process" in text
        assert "every allocation is recorded from readiness on" in text
        assert "passed: 300 of 300 planted objects" in text
        assert "has symbols and types" in text
        assert "nothing: this is all there is" in text

    def test_a_service_that_runs_already(
        self, processes: EchoServices, capsys: pytest.CaptureFixture[str]
    ) -> None:
        url = processes.get(leaks(agent=False, env={"GODEBUG": "memprofilerate=524288"})).base_url
        assert main(["doctor", url]) == 0
        text = capsys.readouterr().out
        assert "attached: it runs already" in text
        assert "allocation sites are sampled, totals of the process are exact" in text
        assert "none: only the agent can plant" in text
        assert "build the service with the agent" in text
        with start(Running(url)) as service, pytest.raises(SnapshotError, match="no self-test"):
            self_test(service)

    def test_the_service_of_the_ini_file(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        ini = f"[pytest]\necholeak_go_source = {LEAKS}\necholeak_runtime = process\n"
        (tmp_path / "pytest.ini").write_text(ini)
        monkeypatch.chdir(tmp_path)
        assert main(["doctor"]) == 0
        assert f"GoSource({LEAKS})" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["doctor"], "names no service"),
            (["doctor", "nothing-here"], "there is no nothing-here"),
        ],
    )
    def test_what_names_no_service_is_said(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        words: list[str],
        said: str,
    ) -> None:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        monkeypatch.chdir(tmp_path)
        assert main(words) == 1
        assert said in capsys.readouterr().err


@pytest.mark.usefixtures("users_caches")
class TestRuns:
    def test_the_self_test_of_a_run_is_in_its_summary(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest(SPEC)
        pytester.makepyfile(NO_LEAK + NO_LEAK.replace("test_healthy", "test_again"))
        result = run(pytester, "-v", "--echoleak-selftest")
        result.assert_outcomes(passed=2)
        text = " ".join(result.stdout.str().split())
        assert text.count("self-test: 300 of 300 planted objects") == 1

    def test_a_service_without_the_agent_is_checked_without_a_self_test(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makeconftest(SPEC)
        pytester.makeini("[pytest]\necholeak_selftest = true\necholeak_agent = off\n")
        pytester.makepyfile(NO_LEAK)
        result = run(pytester, "-v")
        result.assert_outcomes(passed=1)
        assert "no self-test: it has no agent" in " ".join(result.stdout.str().split())

    def test_a_heap_dump_is_kept_where_asked_for(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest(SPEC)
        pytester.makepyfile(NO_LEAK)
        run(pytester, "--echoleak-heapdump", "--echoleak-report=out").assert_outcomes(passed=1)
        (dump,) = (pytester.path / "out").rglob("*.heapdump")
        assert dump.stat().st_mode & 0o777 == 0o600
        assert dump.parent.stat().st_mode & 0o777 == 0o700
        assert dump.read_bytes().startswith(b"go1.7 heap dump\n")
        (check,) = json.loads((pytester.path / "out/echoleak.json").read_text())["checks"]
        assert check["artifacts"] == [str(dump.relative_to(pytester.path / "out"))]
