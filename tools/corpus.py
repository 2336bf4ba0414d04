"""Check every case of the corpus with the plugin's defaults, N times: `make corpus RUNS=10`.

Prints each verdict with its figures, the confusion table, and how far objects per request were off.
Ends with 1 where a leak was missed or healthy code accused. It can be interrupted: what was started
is ended, and the tables of what was done so far are printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pytest_echoleak.service import EchoServices
from tests.corpus import labels
from tests.corpus.checking import (
    Outcome,
    check,
    complaints,
    count_error,
    described,
    names_cause,
    names_culprit,
    names_holder,
)

LABELS = ("leak", "clean", "inconclusive")
VERDICTS = ("leak", "clean", "inconclusive", "error")


def main() -> int:
    """Run the corpus, print what was found, and return the exit code."""
    arguments = _arguments()
    outcomes: list[Outcome] = []
    try:
        for number in range(arguments.runs):
            print(f"run {number + 1} of {arguments.runs}", flush=True)
            columns = f"{'verdict':<12} {'done':>7} {'took':>8}  {'function':<8} {'cause':<8}"
            print(f"  {'case':<44} {columns}", flush=True)
            outcomes.extend(_run(arguments.runtime, arguments.only))
    except KeyboardInterrupt:
        print("interrupted; of what was done:")
    _print_tables(outcomes)
    return 1 if any(one.missed or one.alarm for one in outcomes) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=1, help="how often each case is run")
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--only", nargs="*", default=[], metavar="SERVICE")
    return parser.parse_args()


def _run(runtime: str, only: Sequence[str]) -> Iterator[Outcome]:
    for service in labels.load():
        if only and service.name not in only:
            continue
        with _services(runtime) as services:
            for case in service.cases:
                began = time.monotonic()
                outcome = check(services, service, case)
                _print_outcome(outcome, time.monotonic() - began)
                yield outcome


@contextmanager
def _services(runtime: str) -> Iterator[EchoServices]:
    services = EchoServices("docker" if runtime == "docker" else "process")
    try:
        yield services
    finally:
        services.close()


def _print_outcome(outcome: Outcome, seconds: float) -> None:
    case, report = outcome.case, outcome.report
    iterations = f"{report.iterations:>7,}" if report else ""
    hits = " ".join(f"{_hit_text(hit):<8}" for hit in _hits(outcome))
    print(f"  {case.name:<44} {outcome.verdict:<12} {iterations} {seconds:6.1f} s  {hits}", end="")
    print(f"  {described(report)[:150]}" if report else "", flush=True)
    for complaint in complaints(outcome):
        print(f"      WRONG  {complaint}", flush=True)


def _hits(outcome: Outcome) -> tuple[bool | None, ...]:
    """Return whether function, cause and holder are the label's; None where none is known."""
    case, report = outcome.case, outcome.report
    if case.verdict == "clean" or report is None or not report.findings:
        return None, None, None
    return names_culprit(case, report), names_cause(case, report), names_holder(case, report)


def _hit_text(hit: bool | None) -> str:
    return "" if hit is None else "right" if hit else "WRONG"


def _print_hits(outcomes: Sequence[Outcome]) -> None:
    for what, column in (("function", 0), ("cause", 1), ("holder", 2)):
        hits = [hit for one in outcomes if (hit := _hits(one)[column]) is not None]
        if hits:
            print(f"right {what}: {sum(hits)} of {len(hits)} ({sum(hits) / len(hits):.1%})")
    unheld = [one for one in outcomes if one.case.cause_needs_holder and _hits(one)[1] is not None]
    exact = [one for one in unheld if one.report and _is_named(one)]
    if unheld:
        text = f"{len(unheld)} of these causes need a holder to be told"
        print(f"{text}; told so far: {len(exact)}")


def _is_named(outcome: Outcome) -> bool:
    case, report = outcome.case, outcome.report
    right = {case.cause, *case.cause_accepted}
    return report is not None and any(one.cause in right for one in report.findings)


def _print_tables(outcomes: Sequence[Outcome]) -> None:
    table = Counter((str(one.case.verdict), one.verdict) for one in outcomes)
    print(f"\n{'label':<14}" + "".join(f"{verdict:>14}" for verdict in VERDICTS))
    for label in LABELS:
        print(f"{label:<14}" + "".join(f"{table[label, verdict]:>14}" for verdict in VERDICTS))
    accepted = sum(one.right and one.verdict != one.case.verdict for one in outcomes)
    print(f"\nmisses {sum(one.missed for one in outcomes)}", end=", ")
    print(f"false alarms {sum(one.alarm for one in outcomes)}", end=", ")
    undecided = [one for one in outcomes if one.verdict == "inconclusive" and not one.right]
    print(f"inconclusive {len(undecided)}, of {len(outcomes)} checks", end="")
    print(f" ({accepted} leaks inconclusive as the contract lets them be)")
    _print_hits(outcomes)
    errors = [pair for one in outcomes if (pair := _count_error(one)) is not None]
    if errors:
        worst, name = max(errors)
        exact = f"of {len(errors)} exact counts"
        print(f"objects per request: worst error {worst:.2%} ({name}), {exact}")


def _count_error(outcome: Outcome) -> tuple[float, str] | None:
    if outcome.report is None or outcome.verdict != "leak":
        return None
    error = count_error(outcome.case, outcome.report)
    return None if error is None else (error, outcome.case.name)


if __name__ == "__main__":
    sys.exit(main())
