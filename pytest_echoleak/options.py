"""The settings of a check, resolved once: argument > marker > flag > ini > default."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pytest_echoleak.errors import SettingError
from pytest_echoleak.tolerance import Tolerance

# -ln(0.001): no event in n tries excludes, at 99.9 %, a rate above 6.9 / n (the rule of three's kin).
NO_EVENT_FACTOR = -math.log(0.001)


@dataclass(frozen=True)
class Options:
    """How one check measures and judges. Iterations are counted, seconds are wall-clock limits.

    - `iterations`: measured iterations in all; None: as many as `detect` needs.
    - `warmup`: iterations before the first snapshot, not measured.
    - `rounds`: rounds of equal size that the iterations are divided into.
    - `concurrency`: how many iterations are in flight at once.
    - `detect`: the smallest rate of leaking iterations that a pass must exclude.
    - `plateau`: how many iterations to go on before steady growth is called a leak.
    - `expiry`: how many idle seconds to wait for what may expire by itself.
    - `max_seconds`: the limit of one whole check.
    - `tolerance`: the growth that is accepted.
    """

    iterations: int | None = None
    warmup: int = 200
    rounds: int = 5
    concurrency: int = 1
    detect: float = 0.01
    plateau: int = 10_000
    expiry: float = 5.0
    max_seconds: float = 120.0
    tolerance: Tolerance = Tolerance()

    @property
    def measured_iterations(self) -> int:
        """Iterations of the first measurement: what the user asked for, or what `detect` needs."""
        wanted = self.iterations or math.ceil(NO_EVENT_FACTOR / self.detect)
        per_round = math.ceil(wanted / self.rounds)
        return wanted if self.iterations else per_round * self.rounds
