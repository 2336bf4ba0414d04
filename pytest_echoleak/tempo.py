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
_DEVIATIONS = 3.3
# What runs more often than that each second is hardly a service's clock.
_MOST_EVENTS_PER_SECOND = 50.0
_ENOUGH_EVENTS = 30
_SHORTEST, _SHARE = 100, 3


def keeps_time(growth: Growth, series: Series) -> bool:
    """Tell whether `growth` came by the second, as slow rounds of `series` show.

    What came in them is held against what came in the later half of the others. That both are the
    requests' must be as unlikely as one in 1,000 (a binomial share, as a normal one); and it must
    be about what the seconds foretell.
    """
    slow = [place for place, is_slow in enumerate(series.slow) if is_slow]
    usual = [place for place, is_slow in enumerate(series.slow) if not is_slow]
    usual = usual[len(usual) // 2 :]
    before = _sum(growth.count, usual)
    if not slow or before <= 0:
        return False
    each = at_once(growth.count)
    came, known = _sum(growth.count, slow) / each, before / each
    requests = _sum(series.iterations, slow) / _sum(series.iterations, usual)
    by_second = known * _sum(series.seconds, slow) / _sum(series.seconds, usual)
    # Where it was hardly slower it tells nothing.
    if by_second < _SLOW_PACE * known * requests:
        return False
    # Of all events so many are to be in the slow rounds, were they the requests': with that chance.
    share = requests / (1 + requests)
    by_request = share * (came + known)
    if came <= by_request + _DEVIATIONS * math.sqrt(by_request * (1 - share)):
        return False
    # What came more often than by the second, too, is neither: it began late.
    noise = _DEVIATIONS * math.sqrt(by_second)
    return _CLOCK_SHARE * by_second <= came <= by_second / _CLOCK_SHARE + noise


def slow_round(
    folds: Iterable[Fold], iterations: Sequence[int], seconds: float, seconds_left: float
) -> int:
    """Return for how many iterations to go on slowly, 0 where that would tell nothing.

    `seconds` is how long all of `iterations` took, `seconds_left` what there is time for. What grew
    by a whole number in each of them, in steps, or more often than a clock ticks, needs no such
    round.
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
    enough = max(math.ceil(_ENOUGH_EVENTS / slowest * total), _SHORTEST)
    in_time = int(total * seconds_left / ((1 + SLOWED) * max(seconds, 1e-9)))
    length = min(enough, total // _SHARE, in_time)
    return length if length >= _SHORTEST else 0


def _sum(values: Sequence[float], places: Sequence[int]) -> float:
    return sum(values[place] for place in places)
