"""What a growth does over rounds: is it excluded, is it steady, or can only more iterations tell?

- *Excluded*: from some round on, so little grew that a leak in `detect` of the iterations would
  have shown, with 99.9 % confidence. If leaking iterations come at random at the rate d, they are
  Poisson(d n) in n iterations, and P(X <= c) <= exp(-dn) (e d n / c)^c (Chernoff's bound): for
  c = 0 that asks for 6.9 / d iterations, and for more, the more objects happened to stay.
  A healthy service is never quite still; but what fills, fills up, and a leak goes on.
- *Steady*: it grew in each of the last three rounds, and in none of them did the rate fall below
  three quarters of what it was before (half, where few events leave room for chance).
  Where few objects hold many bytes (a slice that doubles, a map, a buffer replaced by a larger one)
  bytes are judged. Such growth comes in steps, ever longer: the first rounds together count as one.
- Else it is *unclear*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from pytest_echoleak.options import SEVERAL_LOOKS_FACTOR
from pytest_echoleak.series import Growth

STEADY_ROUNDS = 3
_STEADY_SHARE = 0.75
_MANY = 200  # events, of which chance moves a rate by less than a quarter
_STEADY_SHARE_OF_FEW = 0.5
_STEADY_SHARE_OF_STEPS = 0.4  # what doubles may have done so just before a round, or just after
_SMALLEST_OBJECT_BYTES = 16
# More bytes than this per object that came: something was replaced by a larger one.
_STEP_BYTES = 4096
_ENOUGH_SHARE = 0.7  # of 100 events that are expected, chance leaves as few as 70
_SILENT_SHARE = 0.6  # of all iterations: what doubles must have doubled meanwhile
_WOBBLE_SHARE = 0.1


class Trend(Enum):
    """What a growth does: see the module's docstring."""

    EXCLUDED = "excluded"
    STEADY = "steady"
    UNCLEAR = "unclear"


def trend(growth: Growth, iterations: Sequence[int], detect: float) -> Trend:
    """Return what `growth` does over rounds of so many `iterations`."""
    # Less than what `detect` asks for is no leak that was asked for, however steady.
    enough = sum(growth.count) >= _ENOUGH_SHARE * detect * sum(iterations)
    in_steps = not enough and _in_steps(growth)
    steady = (enough and _steady_objects(growth.count, iterations)) or (
        in_steps and _steady_bytes(growth.bytes, iterations)
    )
    if _excluded_by_last_rounds(growth, iterations, detect, in_steps):
        return Trend.EXCLUDED
    return Trend.STEADY if steady else Trend.UNCLEAR


def excluded(count: float, iterations: int, detect: float) -> bool:
    """Tell whether `count` events in `iterations` exclude a rate of `detect`, at 99.9 %.

    A check looks more than once, at several last rounds: each look is twice as strict for that.
    """
    expected = detect * iterations
    if count <= 0:
        return expected >= SEVERAL_LOOKS_FACTOR
    if count >= expected:
        return False
    return expected - count * (1 + math.log(expected / count)) >= SEVERAL_LOOKS_FACTOR


def _excluded_by_last_rounds(
    growth: Growth, iterations: Sequence[int], detect: float, in_steps: bool
) -> bool:
    """Tell whether some last rounds together exclude a leak.

    Where nothing grew in any round at all, the number of iterations is not this growth's matter.
    """
    if max(growth.count, default=0) <= 0 and max(growth.bytes, default=0) <= 0:
        return True
    total = sum(iterations)
    count = size_bytes = 0.0
    seen = 0
    for place in range(len(iterations) - 1, -1, -1):
        count += growth.count[place]
        size_bytes += growth.bytes[place]
        seen += iterations[place]
        # Growth in steps pauses for longer and longer: silence must last as long.
        if in_steps and seen < _SILENT_SHARE * total:
            continue
        # Buffers of random sizes never hold quite the same: a tenth is no step of what grows.
        few = max(detect * seen * _SMALLEST_OBJECT_BYTES, _STEP_BYTES * count)
        still = size_bytes <= max(few, _WOBBLE_SHARE * sum(growth.bytes[:place]))
        if still and excluded(max(count, 0), seen, detect):
            return True
    return False


def _steady_objects(values: Sequence[float], iterations: Sequence[int]) -> bool:
    few = sum(values) < _MANY
    share = _STEADY_SHARE_OF_FEW if few else _STEADY_SHARE
    return _steady_rounds(values, iterations, share) or _steady_rounds(
        *_first_as_one(values, iterations), share
    )


def _first_as_one(
    values: Sequence[float], iterations: Sequence[int]
) -> tuple[list[float], list[int]]:
    """Return the rounds with the first ones, all of (nearly) one length, added up."""
    first = sum(1 for n in iterations if n <= iterations[0] + 1)
    return (
        [sum(values[:first]), *values[first:]],
        [sum(iterations[:first]), *iterations[first:]],
    )


def _steady_bytes(values: Sequence[float], iterations: Sequence[int]) -> bool:
    first_as_one = _first_as_one(values, iterations)
    return _steady_rounds(*first_as_one, _STEADY_SHARE_OF_STEPS)


def _steady_rounds(values: Sequence[float], iterations: Sequence[int], share: float) -> bool:
    if len(values) < STEADY_ROUNDS or sum(values) <= 0:
        return False
    for place in range(len(values) - STEADY_ROUNDS, len(values)):
        before, runs = sum(values[:place]), sum(iterations[:place])
        expected = before / runs * iterations[place] if runs else 0.0
        if values[place] <= 0 or values[place] < share * expected:
            return False
    return True


def _in_steps(growth: Growth) -> bool:
    """Tell whether few objects hold many bytes: growth of that kind repeats in bytes alone."""
    return sum(growth.bytes) > _STEP_BYTES * max(sum(growth.count), 0)
