"""What a growth does over rounds: is it excluded, is it steady, or can only more iterations tell?

- *Excluded*: from some round on, so little grew that a leak in `detect` of the iterations would
  have shown, with 99.9 % confidence. If leaking iterations come at random at the rate d, they are
  Poisson(d n) in n iterations, and P(X <= c) <= exp(-dn) (e d n / c)^c (Chernoff's bound): for
  c = 0 that asks for 6.9 / d iterations, and for more, the more objects happened to stay.
  A check looks several times, and the chances to err add up: the first look takes half of the
  one in 1,000 (7.6 / d iterations), and the later ones, over more iterations, a twentieth each.
  Where single objects go as well as come, a leak may hide behind those that went: as many as were
  seen to go are counted as if they had stayed.
  A healthy service is never quite still; but what fills, fills up, and a leak goes on.
- *Steady*: see steadiness.py. Where few objects hold many bytes (a slice that doubles, a map, a
  buffer replaced by a larger one) bytes are judged.
- Else it is *unclear*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from pytest_echoleak.options import SEVERAL_LOOKS_FACTOR
from pytest_echoleak.series import Growth
from pytest_echoleak.steadiness import climbs, rises

_LATER_LOOKS_FACTOR = SEVERAL_LOOKS_FACTOR + math.log(10)
# Events at the rate `detect` in the iterations of a first look; later looks see more.
_FIRST_LOOK_EVENTS = 2 * SEVERAL_LOOKS_FACTOR
_SMALLEST_OBJECT_BYTES = 16
# More bytes than this per object that came: something was replaced by a larger one.
_STEP_BYTES = 4096
_SILENT_SHARE = 0.6  # of all iterations: what doubles must have doubled meanwhile
_WOBBLE_SHARE = 0.1
# What moves by a dozen may fall, in one round, by as much as a leak grew.
_SILENT_EVENTS = 20
_SILENT_EVENTS_OF_RESTLESS = 30
# A queue of hundreds that comes and goes would hide one in 100 from any check of this length.
_MOST_HIDDEN = 25.0
_UNSEEN = 1.25


class Trend(Enum):
    """What a growth does: see the module's docstring."""

    EXCLUDED = "excluded"
    STEADY = "steady"
    UNCLEAR = "unclear"


def trend(growth: Growth, iterations: Sequence[int], detect: float, places: int = 1) -> Trend:
    """Return what `growth` does over rounds of so many `iterations`.

    `places`: how many places moved, of which this one is judged.
    """
    # Where nothing grew in any round, the number of iterations is not this growth's matter.
    if max(growth.count, default=0) <= 0 and max(growth.bytes, default=0) <= 0:
        return Trend.EXCLUDED
    steps = in_steps(growth)
    if _excluded_by_last_rounds(growth, iterations, detect, steps):
        return Trend.EXCLUDED
    if rises(growth.count, iterations, detect, places):
        return Trend.STEADY
    return Trend.STEADY if steps and climbs(growth.bytes, iterations) else Trend.UNCLEAR


def excluded(
    count: float, iterations: int, detect: float, factor: float = SEVERAL_LOOKS_FACTOR
) -> bool:
    """Tell whether `count` events in `iterations` exclude a rate of `detect`.

    That they do so wrongly has a chance of exp(-`factor`) at most.
    """
    expected = detect * iterations
    if count <= 0:
        return expected >= factor
    if count >= expected:
        return False
    return expected - count * (1 + math.log(expected / count)) >= factor


def _excluded_by_last_rounds(
    growth: Growth, iterations: Sequence[int], detect: float, steps: bool
) -> bool:
    """Tell whether some last rounds together exclude a leak."""
    total = sum(iterations)
    first_look = detect * total < _FIRST_LOOK_EVENTS
    factor = SEVERAL_LOOKS_FACTOR if first_look else _LATER_LOOKS_FACTOR
    hidden = _hidden(growth.count)
    events = _SILENT_EVENTS_OF_RESTLESS if hidden else _SILENT_EVENTS
    shortest = 0.0 if first_look else events / detect
    count = size_bytes = 0.0
    seen = 0
    for place in range(len(iterations) - 1, -1, -1):
        count += growth.count[place]
        size_bytes += growth.bytes[place]
        seen += iterations[place]
        # Growth in steps pauses for longer and longer: silence must last as long.
        if (steps and seen < _SILENT_SHARE * total) or seen < shortest:
            continue
        # Buffers of random sizes never hold quite the same: a tenth is no step of what grows.
        few = max(detect * seen * _SMALLEST_OBJECT_BYTES, _STEP_BYTES * count)
        still = size_bytes <= max(few, _WOBBLE_SHARE * sum(growth.bytes[:place]))
        if still and excluded(max(count, 0) + hidden, seen, detect, factor):
            return True
    return False


def _hidden(counts: Sequence[float]) -> float:
    """Return how many objects may have gone while as many came to stay: more than were seen to."""
    level = highest = fell = 0.0
    for count in counts:
        level += count
        highest = max(highest, level)
        fell = max(fell, highest - level)
    return min(_UNSEEN * fell, _MOST_HIDDEN)


def in_steps(growth: Growth) -> bool:
    """Tell whether few objects hold many bytes: growth of that kind repeats in bytes alone."""
    return sum(growth.bytes) > _STEP_BYTES * max(sum(growth.count), 0)
