"""How a case of the corpus is checked with the plugin, and what is wrong with what it said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_echoleak import Allow, GoSource, Request
from pytest_echoleak.check import check_service
from pytest_echoleak.errors import EcholeakError
from pytest_echoleak.options import resolve_options
from pytest_echoleak.pprof.frames import short_function
from pytest_echoleak.results import Finding, LeakReport
from pytest_echoleak.service import EchoService, EchoServices
from tests.corpus.labels import MODULE, Case, Service

_COUNT_SHARE = 0.01


@dataclass(frozen=True)
class Outcome:
    """What the plugin said of a case. `report` is None where it could not check it: `error`."""

    case: Case
    report: LeakReport | None
    error: str = ""

    @property
    def verdict(self) -> str:
        """The verdict of the check."""
        return self.report.verdict if self.report else "error"

    @property
    def right(self) -> bool:
        """Whether the verdict is one that the label accepts."""
        return self.verdict in self.case.right

    @property
    def missed(self) -> bool:
        """Whether a leak was not called one, where the contract does not let it be."""
        return self.case.verdict != "clean" and self.verdict not in ("leak", *self.case.right)

    @property
    def alarm(self) -> bool:
        """Whether healthy code was called a leak."""
        return self.case.verdict == "clean" and self.verdict == "leak"


def spec(service: Service) -> GoSource:
    """Return what to start for a service of the corpus."""
    return GoSource(MODULE, package=f"./services/{service.name}", tags=service.tags)


def check(services: EchoServices, service: Service, case: Case, **defaults: Any) -> Outcome:
    """Check a case on the pool's service, or on a fresh one where the case wants that."""
    if not case.fresh:
        return check_running(services.get(spec(service)), case, defaults)
    fresh = services.fresh(spec(service))
    try:
        return check_running(fresh, case, defaults)
    finally:
        fresh.stop()


def check_running(service: EchoService, case: Case, defaults: Mapping[str, Any]) -> Outcome:
    """Check a case on a service that runs; the case's own options win over `defaults`."""
    request = Request(case.method, case.path, headers=case.headers, expect=case.expect)
    allow = [Allow(**values) for values in case.allow]
    try:
        options = resolve_options(case.options, defaults)
        return Outcome(case, check_service(service, request, options, allow, nodeid=case.name))
    except EcholeakError as error:
        return Outcome(case, None, f"{type(error).__name__}: {error}")


def complaints(outcome: Outcome) -> list[str]:
    """Return what is wrong with an outcome, beginning with its verdict."""
    case, report = outcome.case, outcome.report
    if report is None:
        return [outcome.error]
    if not outcome.right:
        return [f"called {report.verdict}, is {case.verdict}: {report.reason} {described(report)}"]
    if report.verdict != "leak":
        return []
    wrong = (
        [] if names_culprit(case, report) else [f"{case.function}: not among {described(report)}"]
    )
    if not names_cause(case, report):
        wrong.append(f"{case.cause}: not the cause among {described(report)}")
    if names_holder(case, report) is False:
        wrong.append(f"{case.holder}: not the holder among {held(report)}")
    off = count_error(case, report)
    if off is not None and off > _COUNT_SHARE:
        wrong.append(f"{case.objects} objects per request, and not {described(report)}")
    goroutines = sum(one.goroutines_per_iteration for one in report.findings)
    if case.goroutines and abs(goroutines / case.goroutines - 1) > _COUNT_SHARE:
        wrong.append(f"{case.goroutines} goroutines per request, and not {described(report)}")
    return wrong


def names_culprit(case: Case, report: LeakReport) -> bool:
    """Tell whether a finding is where the label says, as precisely as a stack can tell."""
    return case.located == "holder" or any(_is_culprit(case, one) for one in report.findings)


def names_cause(case: Case, report: LeakReport) -> bool:
    """Tell whether the culprit's finding has the label's cause, as far as is known without holders.

    Where only a holder tells, what is said without one must be no other cause.
    """
    right = {case.cause, *case.cause_accepted}
    if case.cause_needs_holder and not any(one.held_by for one in report.findings):
        right |= {"other", *case.cause_seen}
    at_line = case.located != "holder"
    culprits = [one for one in report.findings if at_line and _is_culprit(case, one)]
    return any(one.cause in right for one in culprits or report.findings)


def names_holder(case: Case, report: LeakReport) -> bool | None:
    """Tell whether a finding's holders are the label's; None where nobody was asked or is named.

    Of a path the names are compared that a developer would look for: a goroutine's function, a
    package variable, a type and its field.
    """
    if not case.holder or report.verdict != "leak" or report.no_holders:
        return None
    return any(_has_holder(case.holder, one) for one in report.findings)


def _has_holder(wanted: str, finding: Finding) -> bool:
    kinds = {one.root_kind for one in finding.holders}
    containers = {one.container for one in finding.holders}
    if wanted.startswith("goroutine "):
        name = short_function(wanted.removeprefix("goroutine ").partition(" -> ")[0])
        entries = [finding.stack[-1].function] if finding.goroutines and finding.stack else []
        held_by = [one.goroutine for one in finding.holders]
        return any(short_function(one) == name for one in (*entries, *held_by))
    if wanted == "the timers of the runtime":
        return "timer" in kinds or "timer heap" in containers
    if wanted.startswith("a finalizer"):
        return "finalizer" in kinds
    text = " ".join(" ".join((one.container_name, *one.path)) for one in finding.holders)
    words = set(re.findall(r"\w+", text))
    parts = [part.partition(" (")[0] for part in wanted.split(" -> ")]
    # Between main's variable and what grows there may be closures, which have no names.
    grows = parts[-1].rpartition(".")[2]
    sought = [grows, *(part for part in parts[:1] if part != "main.main")]
    return all(set(re.findall(r"\w+", part)) <= words for part in sought)


def count_error(case: Case, report: LeakReport) -> float | None:
    """Return how far off the objects per request are, relatively; None where nothing is exact.

    What a goroutine holds is left out: a proven goroutine ends the check before it is counted.
    """
    heap = [one for one in report.findings if one.kind == "heap"]
    inexact = case.inexact or case.goroutines or not case.objects
    if inexact or not heap or any(one.evidence != "exact" for one in heap):
        return None
    assert case.objects
    off = abs(sum(one.objects_per_iteration for one in heap) - case.objects)
    # A round may begin or end between two events.
    return max(0.0, off - 2 / report.iterations) / case.objects


def held(report: LeakReport) -> str:
    """Return the holders of all findings in one line."""
    return "; ".join(
        f"{one.container_name}: {' -> '.join(one.path)}"
        for finding in report.findings
        for one in finding.holders
    )


def described(report: LeakReport) -> str:
    """Return the findings in one line."""
    return "; ".join(
        f"{one.cause} {one.location.function} {one.location.file}:{one.location.line}"
        f" {one.objects_per_iteration:.3f} objects {one.bytes_per_iteration:.1f} B"
        f" {one.goroutines_per_iteration:.3f} goroutines"
        for one in report.findings
    )


def _is_culprit(case: Case, finding: Finding) -> bool:
    source = f"services/{case.service}/main.go"
    if case.located == "candidate":
        return source in finding.note or finding.location.file.endswith(source)
    if case.located == "file":
        return finding.location.file.endswith(source)
    return any(_names(finding.location.function, name) for name in _guilty(case))


def _guilty(case: Case) -> tuple[str, ...]:
    return (case.function, *case.other_functions)


def _names(found: str, function: str) -> bool:
    """Tell whether a symbol is that function, or one inside it, wherever it was inlined."""
    package, _, rest = function.partition(".")
    return f"{found}.".startswith(f"{package}.") and f".{rest}." in f"{found}."
