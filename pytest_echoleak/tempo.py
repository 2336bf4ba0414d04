"""Does it grow by the request or by the second? A round at another pace tells.

What a service sets up once a second, while it has traffic (the buckets of a sliding window, samples
of requests for each minute), looks like a rare leak: it grows for as long as there is load, and in
an idle round it does not. At a third of the pace it comes three times as often per request; a leak
comes as often as before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pytest_echoleak.folding import Fold
from pytest_echoleak.series import Growth, Series
from pytest_echoleak.steadiness import at_once, is_whole
from pytest_echoleak.trends import in_steps

SLOWED = 2.0
"""How long to rest between moments of load in a slow round, as a multiple of what these last."""

_SLOW_PACE = 2.0
_CLOCK_SHARE = 0.75
_DEVIATIONS = 3.0
# What runs more often than that each second is hardly a service's clock.
_MOST_EVENTS_PER_SECOND = 50.0
_ENOUGH_EVENTS = 30
_SHORTEST, _SHARE = 100, 3


def keeps_time(growth: Growth, series: Series) -> bool:
    """Tell whether `growth` came by the second, as slow rounds of `series` show.

    What came in them is held against what the later half of the others foretells: by their
    requests, and by their seconds. Events that chance strews vary by the square root of their
    number.
    """
    slow = [place for place, is_slow in enumerate(series.slow) if is_slow]
    usual = [place for place, is_slow in enumerate(series.slow) if not is_slow]
    usual = usual[len(usual) // 2 :]
    before = _sum(growth.count, usual)
    if not slow or before <= 0:
        return False
    came = _sum(growth.count, slow)
    by_request = before * _sum(series.iterations, slow) / _sum(series.iterations, usual)
    by_second = before * _sum(series.seconds, slow) / _sum(series.seconds, usual)
    noise = _DEVIATIONS * math.sqrt(at_once(growth.count) * by_request)
    # Where it was hardly slower it tells nothing.
    told_apart = by_second >= _SLOW_PACE * by_request
    return told_apart and came >= _CLOCK_SHARE * by_second and came > by_request + noise


def slow_round(folds: Iterable[Fold], iterations: Sequence[int], seconds: float) -> int:
    """Return for how many iterations to go on slowly, 0 where that would tell nothing.

    `seconds` is how long all of `iterations` took. What grew by a whole number in each of them, in
    steps, or more often than a clock ticks, needs no such round.
    """
    total = sum(iterations)
    counts = [
        sum(fold.growth.count) / at_once(fold.growth.count)
        for fold in folds
        if fold.kind == "heap"
        and not in_steps(fold.growth)
        and not is_whole(fold.growth.count, iterations)
    ]
    slowest = min((count for count in counts if count > 0), default=math.inf)
    if slowest > _MOST_EVENTS_PER_SECOND * seconds:
        return 0
    return min(max(math.ceil(_ENOUGH_EVENTS / slowest * total), _SHORTEST), total // _SHARE)


def _sum(values: Sequence[float], places: Sequence[int]) -> float:
    return sum(values[place] for place in places)
