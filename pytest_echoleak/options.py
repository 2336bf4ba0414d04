"""The settings of a check, resolved once: argument > marker > flag > ini > default."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_echoleak.errors import SettingError
from pytest_echoleak.settings import CHECK_SETTINGS, DEFAULTS
from pytest_echoleak.tolerance import Tolerance

# -ln(0.001): no event in n tries excludes, at 99.9 %, a rate above 6.9 / n.
NO_EVENT_FACTOR = -math.log(0.001)
# The same for a place where something did stay, and which is looked at more than once.
SEVERAL_LOOKS_FACTOR = NO_EVENT_FACTOR + math.log(2)


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
    warmup: int = DEFAULTS["warmup"]
    rounds: int = DEFAULTS["rounds"]
    concurrency: int = DEFAULTS["concurrency"]
    detect: float = DEFAULTS["detect"]
    plateau: int = DEFAULTS["plateau"]
    expiry: float = DEFAULTS["expiry"]
    max_seconds: float = DEFAULTS["max_seconds"]
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def measured_iterations(self) -> int:
        """Iterations of the first measurement: what the user asked for, or what `detect` needs.

        Without a number of the user's, one round more than `detect` needs: what a service sets up
        late, in the first round, is then no reason to go on.
        """
        if self.iterations is not None:
            return self.iterations
        return math.ceil(SEVERAL_LOOKS_FACTOR / self.detect / (self.rounds - 1)) * self.rounds


def resolve_options(*layers: Mapping[str, Any]) -> Options:
    """Return the options that `layers` give together: of each, the first that is not None wins.

    A layer has the fields of Options by name, and may give the tolerance in two halves:
    `tolerance_bytes` and `tolerance_goroutines`, each per iteration; a whole `tolerance` in any
    layer replaces both. Raises SettingError, which names the option and what is accepted.
    """
    values: dict[str, Any] = {}
    for setting in CHECK_SETTINGS:
        value = _first(layers, setting.name)
        if value is not None:
            values[setting.name] = setting.read(value, setting.name)
    halves = {
        "bytes_per_iteration": values.pop("tolerance_bytes", None),
        "goroutines_per_iteration": values.pop("tolerance_goroutines", None),
    }
    tolerance = _first(layers, "tolerance")
    values["tolerance"] = Tolerance(**halves) if tolerance is None else read_tolerance(tolerance)
    _refuse_unknown(layers)
    options = Options(**values)
    if options.iterations is not None and options.iterations < options.rounds:
        raise SettingError(
            f"iterations: {options.iterations} cannot fill {options.rounds} rounds; ask for"
            f" {options.rounds} or more, or for fewer rounds (3 at least)"
        )
    return options


def read_tolerance(value: object) -> Tolerance:
    """Return `value` if it is a Tolerance. Raises SettingError."""
    if not isinstance(value, Tolerance):
        raise SettingError(
            "tolerance: must be a Tolerance, such as Tolerance(bytes_per_iteration=16),"
            f" not {value!r}"
        )
    return value


def _first(layers: Sequence[Mapping[str, Any]], name: str) -> Any:
    return next((layer[name] for layer in layers if layer.get(name) is not None), None)


def _refuse_unknown(layers: Sequence[Mapping[str, Any]]) -> None:
    known = {setting.name for setting in CHECK_SETTINGS} | {"tolerance"}
    for layer in layers:
        for name in layer:
            if name not in known:
                raise SettingError(f"{name}: unknown option; known are {', '.join(sorted(known))}")
