"""Check the healthy cases of the corpus over and over: `make soak-healthy CHECKS=1000`.

Counts false alarms and inconclusive checks. Each service goes on running from one check to the
next, as in a long test session, but for the cases that want a fresh one. Ends with 1 after an
alarm. It can be interrupted: what was started is ended, and the table of what was done so far is
printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_echoleak.service import EchoServices
from tests.corpus import labels
from tests.corpus.checking import Outcome, check, complaints
from tests.corpus.labels import Case, Service

VERDICTS = ("clean", "inconclusive", "leak", "error")
# So many services run at once: they are cheap at rest, yet not free.
SERVICES_AT_ONCE = 12


def main() -> int:
    """Soak, print the table, and return the exit code."""
    arguments = _arguments()
    healthy = [
        (service, case)
        for service in labels.load()
        for case in service.cases
        if case.verdict == "clean" and (not arguments.only or service.name in arguments.only)
    ]
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        for outcome in _soak(healthy, arguments.checks):
            outcomes.append(outcome)
            _print_progress(outcome, len(outcomes), arguments.checks, time.monotonic() - began)
    except KeyboardInterrupt:
        print("interrupted; of what was done:")
    _print_table(outcomes)
    return 1 if any(one.alarm for one in outcomes) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "checks", nargs="?", type=int, default=1000, help="how many checks, at least"
    )
    parser.add_argument("--only", nargs="*", default=[], metavar="SERVICE")
    return parser.parse_args()


def _soak(healthy: Sequence[tuple[Service, Case]], checks: int) -> Iterator[Outcome]:
    """Yield the outcomes of `checks` checks or a few more, each case about as often."""
    names = sorted({service.name for service, _ in healthy})
    rounds = -(-checks // len(healthy))
    for first in range(0, len(names), SERVICES_AT_ONCE):
        chosen = names[first : first + SERVICES_AT_ONCE]
        services = EchoServices("process")
        try:
            for _ in range(rounds):
                for service, case in healthy:
                    if service.name in chosen:
                        yield check(services, service, case)
        finally:
            services.close()


def _print_progress(outcome: Outcome, done: int, checks: int, seconds: float) -> None:
    if outcome.verdict != "clean":
        print(f"{outcome.case.name}: " + "; ".join(complaints(outcome)), flush=True)
    if done % 50 == 0:
        print(f"{done:,} of {checks:,} checks, {seconds:,.0f} s", flush=True)


def _print_table(outcomes: Sequence[Outcome]) -> None:
    table = Counter((one.case.name, one.verdict) for one in outcomes)
    totals = Counter(one.verdict for one in outcomes)
    print(f"\n{'case':<44}" + "".join(f"{verdict:>14}" for verdict in VERDICTS))
    for name in sorted({one.case.name for one in outcomes}):
        print(f"{name:<44}" + "".join(f"{table[name, verdict]:>14,}" for verdict in VERDICTS))
    print(f"{'all':<44}" + "".join(f"{totals[verdict]:>14,}" for verdict in VERDICTS))


if __name__ == "__main__":
    sys.exit(main())
