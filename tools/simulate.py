"""Shows by simulation how often the verdict errs: many thousand whole checks of made-up services.

Prints a row for each model of tests/simulation/ when it is done, and fails where the rule errs more
often than it may: more than twice as many leaks called clean as the 1 in 1,000 that is accepted
(chance may double it), a healthy service accused at all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.simulation.healthy import HEALTHY
from tests.simulation.leaky import AT_DETECT, LEAKS
from tests.simulation.rates import MISSES, REAL_SIZE, Rates, run_all


def main() -> int:
    """Simulate, print the table, and tell whether the rates hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=110_000, help="checks of healthy services")
    parser.add_argument("--rare-leaks", type=int, default=10_000, help="checks of each 1 in 100")
    parser.add_argument("--leaks", type=int, default=2_000, help="checks of each other leak")
    parser.add_argument("--real-size", type=int, default=200, help="checks of 12,000 stacks")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    leaks = {name: given.rare_leaks if name in AT_DETECT else given.leaks for name in LEAKS}
    healthy = dict.fromkeys(HEALTHY, -(-given.healthy // len(HEALTHY)))
    healthy[REAL_SIZE] = given.real_size
    began = time.monotonic()
    wrong = _table("a service that leaks", leaks, "clean", MISSES, given.processes)
    wrong |= _table("a healthy service", healthy, "leak", 0.0, given.processes)
    print(f"\nin {time.monotonic() - began:,.0f} s")
    return 1 if wrong else 0


def _table(title: str, checks: dict[str, int], error: str, accepted: float, processes: int) -> bool:
    """Take the checks, print a row for each model when it is done, and tell whether any erred."""
    heading = "missed" if error == "clean" else "accused"
    print(f"{title:52}{'checks':>8}{heading:>9}{'unclear':>9}{'iterations':>12}", flush=True)
    too_many, total = False, Rates()
    wanted = {name: count for name, count in checks.items() if count > 0}
    for name, rates in run_all(wanted, processes) if wanted else ():
        total.add(rates)
        too_many |= _row(name, rates, error, accepted)
    print(f"{'all':52}{total.checks:>8,}{total.verdicts[error]:>9,}\n", flush=True)
    return too_many


def _row(name: str, rates: Rates, error: str, accepted: float) -> bool:
    """Print the rates of a model, and tell whether the rule errs more often than is accepted."""
    wrong = rates.verdicts[error]
    too_many = wrong > max(2 * accepted * rates.checks, 3 if accepted else 0)
    share, unclear = wrong / rates.checks, rates.verdicts["inconclusive"] / rates.checks
    mark = "  <-- too often" if too_many else ""
    print(
        f"{name:52}{rates.checks:>8,}{share:>9.3%}{unclear:>9.2%}"
        f"{rates.iterations / rates.checks:>12,.0f}{mark}",
        flush=True,
    )
    return too_many


if __name__ == "__main__":
    sys.exit(main())
