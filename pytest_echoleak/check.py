"""One leak check: warm up, measure rounds, and go on for as long as only that can decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pytest_echoleak.allowing import Allowance, held_before
from pytest_echoleak.artifacts import save_profiles
from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.explaining import explain
from pytest_echoleak.causes.gathering import clues_of
from pytest_echoleak.dumping import Dumping
from pytest_echoleak.errors import ServiceError
from pytest_echoleak.explanation import Explanation, held_clues, unsure_findings
from pytest_echoleak.measurement import Clock, Measurement
from pytest_echoleak.options import Options
from pytest_echoleak.outcome import Outcome, Patience
from pytest_echoleak.ownership import Ownership, makes_weak_pointer
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.reasons import reason_of
from pytest_echoleak.results import Bounds, LeakReport, Progress
from pytest_echoleak.schedule import (
    confirming_round,
    idle_seconds,
    is_clear,
    next_round,
    pause_share,
    waits_for,
)
from pytest_echoleak.series import Held, Kind, Round, make_series
from pytest_echoleak.service import EchoService
from pytest_echoleak.services.attached import exclusive
from pytest_echoleak.services.specs import describe
from pytest_echoleak.silence import refuse_silence
from pytest_echoleak.steadiness import STEADY_ROUNDS
from pytest_echoleak.tempo import SLOWED, slow_round
from pytest_echoleak.tolerance import Allow
from pytest_echoleak.trials import attributed
from pytest_echoleak.verdict import FEWEST_PROVEN, Judgement, bounds, conclude, folds_of, judge
from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.workload import Workload, WorkloadLike, to_workload

# Growth beyond this ends the extension: what may be kept of a leak must fit into the service.
_KEPT_LIMIT_BYTES = 256 << 20
_KEPT_SHARE_OF_LIMIT = 4
# Of max-seconds: by then what looks like the clock's gets a slow round, while there is time for it.
_SLOW_ROUND_AT = 0.6


def check_service(
    service: EchoService,
    workload: WorkloadLike,
    options: Options,
    allow: Sequence[Allow] = (),
    *,
    nodeid: str = "",
    artifacts_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    causes: Sequence[Cause] = (),
) -> LeakReport:
    """Check that `workload` leaves nothing in `service`, and report what was found.

    Profiles of a check that is not clean are saved in `artifacts_dir`. `causes` are the user's own,
    which come before the catalogue's. Raises SettingError,
    WorkloadError, ServiceError, SnapshotError: what is none of leak, clean and inconclusive.
    """
    chosen = to_workload(workload)
    with (
        exclusive(service.instance),
        driving(chosen, lambda: service.base_url, options.concurrency) as driver,
    ):
        clock = Clock.start(options.max_seconds)
        measurement = Measurement(service, driver, chosen.label, clock, progress)
        check = _Check(service, chosen, options, allow, measurement, clock)
        try:
            outcome, explanation = check.explained(check.run(), causes, progress)
        finally:
            check.close()
        if outcome.verdict == "leak":
            service.leaked.add(chosen.label)
        seconds = clock.seconds
    artifacts: tuple[str, ...] = ()
    if outcome.verdict != "clean" and artifacts_dir is not None:
        artifacts = save_profiles(artifacts_dir, measurement.first, measurement.last)
    return check.report(outcome, explanation, nodeid, seconds, artifacts)


class _Check:
    """The course of one check. The verdict is verdict.py's; this decides how long to measure."""

    def __init__(
        self,
        service: EchoService,
        workload: Workload,
        options: Options,
        allow: Sequence[Allow],
        measurement: Measurement,
        clock: Clock,
    ) -> None:
        self._service = service
        self._workload = workload
        self._options = options
        self._allowances = tuple(Allowance(one) for one in allow)
        self._measurement = measurement
        self._clock = clock
        self._idle: Round | None = None
        self._idled_after = 0
        self._confirmed = False
        self._slowed = False
        self._unreachable: Mapping[Stack, int] = {}
        self._dumping = Dumping(service, measurement)

    def run(self) -> Outcome:
        """Measure until there is a verdict."""
        self._measurement.warm_up(self._options.warmup)
        try:
            self._first_rounds()
        except ServiceError as error:
            return self._leak_until(error)
        self._idle = refuse_silence(
            self._measurement, self._service, self._workload, self._options.max_seconds
        )
        outcome = self._until_verdict()
        return self._patience().outlasting(outcome, self._ownership())

    def _patience(self) -> Patience:
        return Patience(self._service, self._measurement, self._options, self._idle)

    def explained(
        self,
        outcome: Outcome,
        causes: Sequence[Cause],
        progress: Callable[[Progress], None] | None,
    ) -> tuple[Outcome, Explanation]:
        """Return what was found and what explains it, with the outcome that this leaves.

        Who holds what grew may tell that it goes away by itself.
        """
        judgement = outcome.judgement
        if outcome.verdict == "clean":
            return outcome, Explanation()
        findings = judgement.steady
        if outcome.verdict == "inconclusive":
            findings += tuple(one for one in judgement.unclear if one.grew)
        clues = clues_of(
            findings,
            judgement,
            self._measurement.whole(),
            self._ownership(),
            shows_runtime=self._service.has_agent,
        )
        known = (judgement, self._dumping, self._ownership(), causes)
        if outcome.verdict == "inconclusive":
            return outcome, Explanation(unsure_findings(clues, *known))
        if self._service.instance.ending() is not None:
            return outcome, Explanation(explain(clues, causes), "the service had ended by then")
        clues, no_holders = held_clues(clues, *known)
        held = tuple(one.finding for one in clues)
        outcome = self._patience().unless_entries_expire(outcome, held)
        if outcome.verdict == "clean":
            return outcome, Explanation()
        if outcome.verdict == "inconclusive":
            return outcome, Explanation(held, no_holders)
        return outcome, Explanation(explain(self._attributed(clues, progress), causes), no_holders)

    def _attributed(
        self, clues: tuple[Clues, ...], progress: Callable[[Progress], None] | None
    ) -> tuple[Clues, ...]:
        seconds_left = self._options.max_seconds - self._clock.seconds
        return attributed(
            clues, self._service, self._workload, self._options, seconds_left, progress
        )

    def close(self) -> None:
        """Delete the heap dumps that were taken."""
        self._dumping.close()

    def report(
        self,
        outcome: Outcome,
        explanation: Explanation,
        nodeid: str,
        seconds: float,
        artifacts: tuple[str, ...],
    ) -> LeakReport:
        """Return the report of this check."""
        judgement, instance = outcome.judgement, self._service.instance
        rounds = self._round_iterations
        return LeakReport(
            nodeid=nodeid,
            workload=self._workload.label,
            service=describe(self._service.spec),
            verdict=outcome.verdict,
            iterations=sum(rounds),
            warmup=self._options.warmup,
            round_iterations=rounds,
            seconds=seconds,
            go_version=instance.go_version,
            runtime=instance.runtime,
            findings=explanation.findings,
            no_holders=explanation.no_holders,
            bounds=self._bounds(outcome, sum(rounds)),
            reason=outcome.reason,
            artifacts=artifacts,
            unused_allows=judgement.unused_allows,
            totals=self._totals(),
            untouched=judgement.untouched,
        )

    def _bounds(self, outcome: Outcome, iterations: int) -> Bounds | None:
        if outcome.verdict != "clean":
            return None
        detect, identical = self._options.detect, self._workload.identical
        return bounds(outcome.judgement, iterations, detect, identical=identical)

    def _first_rounds(self) -> None:
        options = self._options
        share, more = divmod(options.measured_iterations, options.rounds)
        for number in range(options.rounds):
            self._round(share + (number < more))
            enough = number + 1 >= STEADY_ROUNDS and self._kept_too_much()
            proven = self._unreachable and self._judge_series().proven
            if enough or self._clock.over or proven:
                return

    def _round(self, iterations: int, pause: float = 0.0, *, slow: bool = False) -> None:
        """Measure one round; where goroutines came in it, ask whether they can ever end.

        To whom a weak pointer leads the collector's proof is wrong, and using it then would end the
        service.
        """
        self._measurement.round(iterations, pause, slow=slow)
        rounds = self._measurement.rounds
        if not rounds or _came(rounds[-1]) <= 0 or _came(self._measurement.whole()) < FEWEST_PROVEN:
            return
        if not any(map(makes_weak_pointer, rounds[-1].after.stacks.values())):
            self._dumping.before_proof()
            self._unreachable = self._service.source.unreachable_goroutines() or {}
            self._service.proved = self._service.proved or bool(self._unreachable)

    def _until_verdict(self) -> Outcome:
        """Go on, in rounds ever longer, while only that can decide."""
        while True:
            judgement = self._judge()
            if judgement.proven:
                return Outcome("leak", judgement)
            verdict = conclude(judgement, exhausted=False)
            if verdict == "clean" and self._leaked_before:
                verdict = None  # what leaked then may have room for thousands more
            wanted = self._next_round(judgement) if verdict is None else 0
            slow = self._slow_round(judgement, wanted) if verdict is None else 0
            self._slowed = self._slowed or slow > 0
            wanted = slow or wanted
            if not wanted and not self._confirmed:
                judgement = self._with_long_idle(judgement)
                wanted = self._confirming_round(judgement)
                self._confirmed = wanted > 0
            if not wanted:
                verdict = conclude(judgement, exhausted=True)
                assert verdict is not None, "an exhausted check has a verdict"
                reason = reason_of(
                    verdict,
                    judgement,
                    self._options,
                    self._measurement.iterations,
                    self._measurement.seconds_of_load,
                    kept_too_much=self._kept_too_much(),
                )
                return Outcome(verdict, judgement, reason)
            try:
                done = self._measurement.iterations
                pause = pause_share(judgement.folds, done, self._options.plateau)
                self._round(wanted, SLOWED if slow else pause, slow=slow > 0)
            except ServiceError as error:
                return self._leak_until(error)

    @property
    def _leaked_before(self) -> bool:
        """Whether this workload leaked in an earlier check, and this one went on for too little."""
        leaked = self._workload.label in self._service.leaked
        return leaked and self._measurement.iterations < self._options.plateau

    def _slow_round(self, judgement: Judgement, usual: int) -> int:
        """Return how many iterations at another pace must show what grows by the clock.

        It comes when there is no `usual` round left, or while there is time for it.
        """
        if self._slowed or not self._options.plateau:
            return 0
        if self._clock.over or self._kept_too_much():
            return 0
        if usual and not (judgement.steady and self._clock.share >= _SLOW_ROUND_AT):
            return 0
        seconds = self._measurement.seconds_of_load
        decisive = folds_of(judgement, judgement.steady or judgement.unclear)
        left = self._options.max_seconds - self._clock.seconds
        return slow_round(decisive, self._round_iterations, seconds, left)

    def _confirming_round(self, judgement: Judgement) -> int:
        """Return how many iterations must show that a leak goes on, where a check idled last."""
        iterations = self._measurement.iterations
        if self._idle is None or self._idled_after < iterations or not self._options.plateau:
            return 0
        if judgement.certain or self._clock.over or self._kept_too_much():
            return 0
        steady = folds_of(judgement, judgement.steady)
        return confirming_round(self._round_iterations, steady, self._options.detect)

    @property
    def _round_iterations(self) -> tuple[int, ...]:
        return tuple(item.iterations for item in self._measurement.rounds)

    def _next_round(self, judgement: Judgement) -> int:
        """Return how many iterations to go on for, 0 where there is an end to it."""
        if self._clock.over or self._kept_too_much():
            return 0
        options, rounds = self._options, self._round_iterations
        steady = folds_of(judgement, judgement.steady)
        unclear = folds_of(judgement, judgement.unclear)
        return next_round(
            self._measurement.iterations,
            options.plateau,
            steady=is_clear(steady, rounds, options.detect, options.plateau),
            detect=options.detect,
            last_grew=waits_for(unclear, steady, rounds, options.plateau),
        )

    def _judge(self) -> Judgement:
        """Judge what was measured; where it grew steadily, against what grows with no load."""
        judgement = self._judge_series()
        if self._idle is None and judgement.steady and not judgement.proven:
            return self._with_long_idle(judgement)
        return judgement

    def _with_long_idle(self, judgement: Judgement) -> Judgement:
        """Judge anew, against an idle round that is long enough for what was measured so far.

        `judgement` is what the series say until then: it stands where there was such a round.
        """
        wanted = idle_seconds(self._measurement.rounds, judgement.folds)
        if not wanted or (self._idle is not None and self._idle.seconds >= wanted * 0.8):
            return judgement
        self._idle = self._measurement.idle(wanted)
        self._idled_after = self._measurement.iterations
        return self._judge_series()

    def _judge_series(self) -> Judgement:
        options = self._options
        return judge(
            make_series(self._measurement.rounds, self._idle, self._unreachable),
            self._ownership(),
            detect=options.detect,
            tolerance=options.tolerance,
            allowances=self._allowances,
            before=self._held_before,
        )

    @cached_property
    def _held_before(self) -> Mapping[tuple[Allowance, Kind], Held]:
        first = self._measurement.first
        assert first is not None, "a judgement needs snapshots"
        return held_before(first, self._allowances)

    def _leak_until(self, error: ServiceError) -> Outcome:
        """Return a leak where the rounds before the service's end show one; else raise."""
        if len(self._measurement.rounds) >= STEADY_ROUNDS:
            judgement = self._judge_series()
            if judgement.steady:
                first_line = str(error).partition("\n")[0]
                reason = f"the service ended after {self._measurement.iterations:,} iterations: "
                return Outcome("leak", judgement, reason + first_line)
        raise error

    def _kept_too_much(self) -> bool:
        first, last = self._measurement.first, self._measurement.last
        if first is None or last is None:
            return False
        limit = self._service.instance.memory_limit_bytes
        most = min(_KEPT_LIMIT_BYTES, limit // _KEPT_SHARE_OF_LIMIT if limit else math.inf)
        return last.inuse_bytes - first.inuse_bytes > most

    def _totals(self) -> dict[str, float]:
        first, last = self._measurement.first, self._measurement.last
        if first is None or last is None:
            return {}
        return {
            "objects": last.inuse_objects - first.inuse_objects,
            "bytes": last.inuse_bytes - first.inuse_bytes,
            "goroutines": last.goroutine_count - first.goroutine_count,
        }

    def _ownership(self) -> Ownership:
        stacks = {stack for item in self._measurement.rounds for stack in item.stacks()}
        return Ownership(self._service.instance.modules, tuple(stacks))


def _came(item: Round) -> float:
    """Return how many goroutines came at stacks where more came than went."""
    return sum(held.count for held in item.changes("goroutine").values() if held.count > 0)
