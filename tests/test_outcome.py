"""What is left of a verdict when what may go away by itself had time to."""

from __future__ import annotations

import math
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_echoleak.errors import EngineError
from pytest_echoleak.options import Options
from pytest_echoleak.outcome import Outcome, Patience
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.results import Expiry, HeldBy
from pytest_echoleak.series import Round, make_series
from pytest_echoleak.snapshots.snapshot import Snapshot
from tests.made_series import HANDLER, OWN, SERVE, judged
from tests.made_snapshots import snapshot

JOB: Stack = (HANDLER, Frame("github.com/robfig/cron/v3.(*Cron).startJob.func1", "cron.go", 310))
SLEEPING: Stack = (Frame("time.Sleep", "", 1), Frame("main.loop", "/src/main.go", 7))
LOOP = """
package main

import "time"

func loop() {
	for {
		time.Sleep(time.Hour)
	}
}

func main() { loop() }
"""


class Measured:
    """A check that is done: rounds of load, of which the last snapshot stays when it idles."""

    def __init__(self, *shots: tuple[int, Snapshot]) -> None:
        pairs = pairwise(shots)
        self.rounds = [Round(n, before, after) for (_, before), (n, after) in pairs]
        self.waited: list[float] = []
        self.asked = 0
        self.ends_after = math.inf

    def idle(self, seconds: float) -> None:
        """Wait, and see that all is still there, or that none is."""
        self.waited.append(seconds)
        if sum(self.waited) >= self.ends_after:
            self.rounds[-1] = replace(self.rounds[-1], after=self.rounds[0].before)

    def restarted(self) -> bool:
        """Tell that it is the same process as ever."""
        return False

    def replay(self, iterations: int) -> int:
        """Send some more requests."""
        self.asked += iterations
        return iterations

    def whole(self) -> Round:
        """Return the check as one round."""
        total = sum(one.iterations for one in self.rounds)
        return Round(total, self.rounds[0].before, self.rounds[-1].after)


class Service:
    """A service of which the program is to be had, or not."""

    def __init__(self, program: Path | None, error: Exception | None = None) -> None:
        self._program = program
        self._error = error

    def program(self) -> Path | None:
        """Return its file."""
        if self._error:
            raise self._error
        return self._program


def left(measured: Measured, service: Service, verdict: str) -> Outcome:
    """Return what is left of a verdict on these rounds."""
    judgement = judged(make_series(measured.rounds))
    patience = Patience(cast(Any, service), cast(Any, measured), Options(), None)
    return patience.outlasting(Outcome(cast(Any, verdict), judgement), OWN)


def sleeping(*counts: int) -> Measured:
    """Return a check in which so many goroutines slept after each round."""
    shots = [(200, snapshot({}, {SLEEPING: count})) for count in counts]
    return Measured(*shots)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has an endless loop."""
    folder = tmp_path_factory.mktemp("loop")
    (folder / "main.go").write_text(LOOP)
    (folder / "go.mod").write_text("module example.com/loop\n\ngo 1.22\n")
    subprocess.run(["go", "build", "-gcflags=-l", "-o", "loop", "."], cwd=folder, check=True)
    return folder / "loop"


def test_who_sleeps_in_a_loop_without_end_leaks_and_who_may_end_may_not(program: Path) -> None:
    measured = sleeping(0, 200, 400, 600)
    assert left(measured, Service(program), "leak").verdict == "leak"
    assert measured.waited == [5.0]
    outcome = left(measured, Service(None), "leak")
    assert outcome.verdict == "inconclusive"
    assert "a goroutine sleeps" in outcome.reason


def test_where_no_program_is_to_be_had_nothing_is_proved() -> None:
    service = Service(None, EngineError("no copy"))
    assert left(sleeping(0, 200, 400, 600), service, "leak").verdict == "inconclusive"


@pytest.mark.parametrize(("stack", "verdict"), [(JOB, "clean"), ((HANDLER, SERVE), "inconclusive")])
def test_what_a_job_of_the_clocks_sets_up_once_is_no_reason_to_fail(
    stack: Stack, verdict: str
) -> None:
    counts = (0, 0, 0, 0, 0, 0, 42)
    rounds = (0, 381, 381, 381, 2286, 1429, 422)
    shots = [(n, snapshot({stack: count})) for n, count in zip(rounds, counts, strict=True)]
    outcome = left(Measured(*shots), Service(None), "inconclusive")
    assert outcome.verdict == verdict
    if verdict == "clean":
        assert "in one round alone, and of no request" in outcome.reason


def kept(
    soonest: float, latest: float, *, ends_after: float = math.inf
) -> tuple[Measured, Outcome]:
    """Return what is left of a leak into a map whose entries say when they expire."""
    counts, rounds = (0, 381, 762, 1143), (200, 381, 381, 381)
    shots = [(n, snapshot({(HANDLER, SERVE): k})) for n, k in zip(rounds, counts, strict=True)]
    measured = Measured(*shots)
    measured.ends_after = ends_after
    judgement = judged(make_series(measured.rounds))
    holder = HeldBy("package variable", (), expiry=Expiry("main.item.expires", soonest, latest))
    findings = [replace(one, holders=(holder,)) for one in judgement.steady]
    patience = Patience(cast(Any, Service(None)), cast(Any, measured), Options(), None)
    return measured, patience.unless_entries_expire(Outcome("leak", judgement), findings)


def test_entries_that_expire_soon_are_waited_for_and_a_cache_is_asked_again() -> None:
    measured, outcome = kept(1.0, 2.0, ends_after=5.0)
    assert outcome.verdict == "clean"
    assert "had expired (main.item.expires)" in outcome.reason
    assert measured.waited == [5.0, 0]
    assert measured.asked > 0


def test_entries_that_stay_when_they_have_expired_are_a_leak() -> None:
    for soonest, latest in ((1.0, 2.0), (-40.0, -30.0), (-900.0, 200.0)):
        _, outcome = kept(soonest, latest)
        assert outcome.verdict == "leak"
        assert "had expired" in outcome.reason


def test_entries_that_outlive_the_wait_are_inconclusive_and_say_for_how_long() -> None:
    measured, outcome = kept(280.0, 299.0)
    assert outcome.verdict == "inconclusive"
    assert "within 299 s (main.item.expires says so)" in outcome.reason
    assert "expiry=599" in outcome.reason
    assert measured.waited == [5.0, 0]
