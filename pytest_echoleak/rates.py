"""How much stays of each iteration: the rate that a finding states."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from pytest_echoleak.series import Growth
from pytest_echoleak.steadiness import at_once, is_whole
from pytest_echoleak.trends import in_steps

# A round may begin or end between two events.
_STRAY_EVENTS = 2
_DEVIATIONS = 3.0


def per_iteration(growth: Growth, iterations: Sequence[int], *, exact: bool) -> tuple[float, float]:
    """Return how many objects (or goroutines), and how many bytes, stay of an iteration.

    All rounds count, unless the later half of the iterations says something else: what filled first
    at the same line, or a leak that began late, is none of what each iteration leaves. Samples are
    too rough to tell, and containers grow in steps that no half holds alike.
    """
    later = _later_half(iterations)
    if not exact or in_steps(growth) or not _differs(growth.count, iterations, later):
        later = 0
    length = sum(iterations[later:])
    return sum(growth.count[later:]) / length, sum(growth.bytes[later:]) / length


def _later_half(iterations: Sequence[int]) -> int:
    """Return the last round from which on at least half of the iterations were made."""
    starts = list(accumulate(iterations[:-1], initial=0))
    return bisect_right(starts, sum(iterations) / 2) - 1


def _differs(counts: Sequence[float], iterations: Sequence[int], later: int) -> bool:
    """Tell whether another rate than that of all rounds holds since the round `later`.

    Events that chance strews vary by the square root of their number.
    """
    late, length = sum(counts[later:]), sum(iterations[later:])
    if late <= 0:
        return False
    if is_whole(counts[later:], iterations[later:]):
        return not is_whole(counts, iterations)
    each = at_once(counts)
    expected = sum(counts) / sum(iterations) * length
    return abs(late - expected) > each * _STRAY_EVENTS + _DEVIATIONS * math.sqrt(each * late)
