"""How often whole checks of made-up services come to which verdict."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.course import take
from tests.simulation.healthy import HEALTHY, real_size
from tests.simulation.leaky import LEAKS
from tests.simulation.recordings import Model

_CHUNK = 50
REAL_SIZE = "12,000 restless stacks"
MODELS: dict[str, Model] = {**LEAKS, **HEALTHY, REAL_SIZE: real_size}
MISSES = 0.001
"""The share of checks that may call a leak at the rate of `detect` clean."""


@dataclass
class Rates:
    """How many checks ended in which verdict, and how many iterations they took in all."""

    verdicts: Counter[str] = field(default_factory=Counter)
    iterations: int = 0

    @property
    def checks(self) -> int:
        """How many checks were taken."""
        return sum(self.verdicts.values())

    def add(self, other: Rates) -> None:
        """Count the checks of `other`, too."""
        self.verdicts += other.verdicts
        self.iterations += other.iterations


def run(name: str, seeds: range) -> Rates:
    """Take one check of a model for each seed."""
    found = Rates()
    for seed in seeds:
        course = take(MODELS[name](random.Random(f"{name} {seed}")))
        found.verdicts[course.verdict] += 1
        found.iterations += sum(course.iterations)
    return found


def run_all(checks: dict[str, int], processes: int | None = None) -> Iterator[tuple[str, Rates]]:
    """Take so many checks of each model, in several processes; yield each model when it is done."""
    jobs = [
        (name, range(start, min(start + _CHUNK, count)))
        for name, count in checks.items()
        for start in range(0, count, _CHUNK)
    ]
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        names, seeds = zip(*jobs, strict=True)
        found = Rates()
        for name, rates in zip(names, pool.map(run, names, seeds), strict=True):
            found.add(rates)
            if found.checks == checks[name]:
                yield name, found
                found = Rates()


def first_seeds(name: str, verdict: str, checks: int, most: int = 3) -> list[int]:
    """Return the first seeds whose check of a model ends in `verdict`: for looking closer."""
    found = []
    for seed in range(checks):
        if take(MODELS[name](random.Random(f"{name} {seed}"))).verdict == verdict:
            found.append(seed)
            if len(found) == most:
                break
    return found
