"""What a check comes to, and the patience it has at its end with what may go away by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_echoleak.bursts import only_bursts
from pytest_echoleak.endless import endless_functions
from pytest_echoleak.errors import EcholeakError
from pytest_echoleak.expiry import all_expiring, asleep, expiring_entries, gone
from pytest_echoleak.measurement import Measurement
from pytest_echoleak.options import Options
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.results import Expiry, Finding, VerdictName
from pytest_echoleak.series import Round, make_series
from pytest_echoleak.service import EchoService
from pytest_echoleak.verdict import Judgement, folds_of

# What sweeps a cache does so once a second, or once in its entries' life.
_SWEEP_SECONDS = 1.0
_SWEEP_SHARE = 1.0
_ASKING = 20


@dataclass(frozen=True)
class Outcome:
    """A verdict, what it rests on, and the reason where findings alone do not tell."""

    verdict: VerdictName
    judgement: Judgement
    reason: str = ""


@dataclass(frozen=True)
class Patience:
    """Waits for what may go away before it is held against a service.

    `idle` is the last idle round of the check, None where there was none.
    """

    service: EchoService
    measurement: Measurement
    options: Options
    idle: Round | None

    def outlasting(self, outcome: Outcome, ownership: Ownership) -> Outcome:
        """Return what is left of an outcome when what may go away by itself had time to."""
        judgement = outcome.judgement
        if outcome.verdict == "leak" and not judgement.proven:
            return self._unless_it_expires(outcome)
        if outcome.verdict == "inconclusive" and not judgement.too_short:
            return self._unless_it_is_gone(self._unless_it_came_once(outcome, ownership))
        return outcome

    def _unless_it_expires(self, outcome: Outcome) -> Outcome:
        """Wait for what may expire by itself, where nothing else makes it a leak."""
        if self.idle is not None and self._gone(outcome.judgement):
            reason = f"what grew was gone {self.idle.seconds:.1f} s later"
            return Outcome("clean", outcome.judgement, reason)
        findings = outcome.judgement.steady
        why = all_expiring(findings)
        if not why:
            return outcome
        waited = self._unless_it_is_gone(outcome)
        if waited.verdict == "clean" or not all_expiring(findings, self._endless(findings)):
            return waited
        seconds = self.options.expiry
        reason = (
            f"what grew may expire by itself ({why}), and was still there after {seconds:g} idle"
            " seconds: wait for it with a larger expiry, give the service a shorter time-out in"
            " this test, or accept it with Allow"
        )
        return Outcome("inconclusive", outcome.judgement, reason)

    def unless_entries_expire(self, outcome: Outcome, findings: Sequence[Finding]) -> Outcome:
        """Wait for entries that say when they expire, where a leak is made of these alone.

        A cache may let go of what has expired when it is asked next: some requests follow.
        """
        end = expiring_entries(findings)
        if outcome.verdict != "leak" or outcome.judgement.proven or end is None:
            return outcome
        if self.measurement.restarted():  # for a dump: what grew is gone with it
            return outcome
        longest = _swept_after(end)
        seconds = min(self.options.expiry, longest)
        try:
            self.measurement.idle(seconds)
            asked = self.measurement.replay(_ASKING)
            self.measurement.idle(0)
        except EcholeakError:  # it ended: what was seen before stands
            return outcome
        if self.measurement.restarted():
            return outcome
        if self._gone(outcome.judgement):
            return Outcome("clean", outcome.judgement, f"what grew had expired ({end.field})")
        if asked and (end.soonest_seconds < -longest or seconds == longest):
            return replace(outcome, reason=f"entries that had expired ({end.field}) stayed")
        return Outcome("inconclusive", outcome.judgement, self._may_expire(end))

    def _may_expire(self, end: Expiry) -> str:
        latest = max(end.latest_seconds, 0.0)
        return (
            f"what grew may expire by itself within {latest:.0f} s ({end.field} says so), and was"
            f" still there after {self.options.expiry:g} idle seconds: wait for it"
            f" (expiry={math.ceil(_swept_after(end))}), give entries a shorter life in this test,"
            " or accept it with Allow"
        )

    def _endless(self, findings: Sequence[Finding]) -> frozenset[str]:
        """Return the functions of sleeping goroutines that never return, as the program tells."""
        functions = asleep(findings)
        try:
            program = self.service.program() if functions else None
            return endless_functions(program, functions) if program else frozenset()
        except (EcholeakError, OSError):  # without a proof the clock must tell
            return frozenset()

    def _unless_it_came_once(self, outcome: Outcome, ownership: Ownership) -> Outcome:
        judgement = outcome.judgement
        rounds = [item.iterations for item in self.measurement.rounds]
        folds = folds_of(judgement, judgement.unclear)
        if not only_bursts(folds, rounds, self.options.detect, ownership):
            return outcome
        reason = "what grew came in one round alone, and of no request: a job of the clock's"
        return Outcome("clean", judgement, reason)

    def _unless_it_is_gone(self, outcome: Outcome) -> Outcome:
        """Return clean where an idle wait shows that what grew goes away by itself."""
        if outcome.verdict == "clean":
            return outcome
        seconds = self.options.expiry
        if seconds:
            self.measurement.idle(seconds)
        if self._gone(outcome.judgement):
            return Outcome("clean", outcome.judgement, f"what grew was gone {seconds:g} s later")
        return outcome

    def _gone(self, judgement: Judgement) -> bool:
        """Tell whether what a judgement says grew has gone since, and nothing else grew with it."""
        if judgement.rest_grows:
            return False
        whole = make_series([self.measurement.whole()], self.idle)
        return gone(judgement.folds, whole, self.options.detect)


def _swept_after(end: Expiry) -> float:
    """Return after how many seconds what expired has been swept, too, if anything sweeps it."""
    return (1 + _SWEEP_SHARE) * max(end.latest_seconds, 0.0) + _SWEEP_SECONDS
