"""Shows by simulation how often the verdict errs: many thousand whole checks of made-up services.

Prints a row for each model of tests/simulation/, and fails where the rule errs more often than it
may: a leak called clean in more than 1 of 1,000 checks, a healthy service accused at all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.simulation.models import HEALTHY, LEAKS
from tests.simulation.rates import MISSES, REAL_SIZE, Rates, run_all


def main() -> int:
    """Simulate, print the table, and tell whether the rates hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=110_000, help="checks of healthy services")
    parser.add_argument("--leaks", type=int, default=20_000, help="checks of each leak")
    parser.add_argument("--real-size", type=int, default=200, help="checks of 12,000 stacks")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    checks = dict.fromkeys(LEAKS, given.leaks)
    checks |= {name: -(-given.healthy // len(HEALTHY)) for name in HEALTHY}
    checks[REAL_SIZE] = given.real_size
    began = time.monotonic()
    rates = run_all({name: count for name, count in checks.items() if count}, given.processes)
    print(f"{'a service that leaks':38}{'checks':>8}{'missed':>9}{'unclear':>9}{'iterations':>12}")
    wrong = [_row(name, rates[name], "clean", MISSES) for name in LEAKS if name in rates]
    print(f"\n{'a healthy service':38}{'checks':>8}{'accused':>9}{'unclear':>9}{'iterations':>12}")
    healthy = [name for name in (*HEALTHY, REAL_SIZE) if name in rates]
    wrong += [_row(name, rates[name], "leak", 0.0) for name in healthy]
    seconds = time.monotonic() - began
    print(f"\n{sum(one.checks for one in rates.values()):,} checks in {seconds:,.0f} s")
    return 1 if any(wrong) else 0


def _row(name: str, rates: Rates, error: str, accepted: float) -> bool:
    """Print the rates of a model, and tell whether the rule errs more often than is accepted."""
    wrong = rates.verdicts[error]
    # Chance may double what is expected of so few.
    too_many = wrong > max(2 * accepted * rates.checks, 3 if accepted else 0)
    share, unclear = wrong / rates.checks, rates.verdicts["inconclusive"] / rates.checks
    mark = "  <-- too often" if too_many else ""
    print(
        f"{name:38}{rates.checks:>8,}{share:>9.3%}{unclear:>9.2%}"
        f"{rates.iterations / rates.checks:>12,.0f}{mark}"
    )
    return too_many


if __name__ == "__main__":
    sys.exit(main())
