"""Steady growth: is it a rising line, or could what merely moves up and down look so by chance?

What a place holds after each round, drawn over the iterations, is a line for a leak; its slope is
the leak's rate. A queue, a window, goroutines in flight hold now more and now less. By chance their
last levels may rise, too. So the levels' scatter about the best line is held against its slope
(Student's t for the slope of a regression), and the growth is steady only if a place without any
trend would give such a line in fewer than one of ten million checks, divided by the number of
places that moved: a service has thousands, and each is a chance to err.

- What slows down is no line: the last third must grow at three fifths of the rate before it or
  more, each of the last three rounds at three quarters of it, but for chance. What fills is bent,
  and bends make for scatter.
- What slowed down with each doubling of the check is none, either, as straight as its last half is.
- Objects that always come as so many at once (a connection prepares its statements) are one event.
- A service may start to leak late, or a cache may fill at the same place first: the line need not
  begin with the check, but it must hold for the last half of the iterations and three rounds.
- The same whole number of objects in every iteration is a leak of that number, without statistics.
- Slices, maps and buffers grow in steps, each as long as all before it: there the rounds are put
  together into ever longer ones, and what they hold must never have been less than before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, takewhile

STEADY_ROUNDS = 3
_CHANCE = 1e-7
_SHORTEST_SHARE = 0.5  # of the iterations, over which the line must hold
_KEPT_RATE = 0.6
_KEPT_RATE_OF_ROUND = 0.75
_DEVIATIONS = 4
_BENT_RATE = 0.8
_BENT_DEVIATIONS = 2
_BENT_HALF = 0.9
# What doubles may have done so just before a round, or just after.
_KEPT_RATE_OF_STEPS = 0.4
ENOUGH_SHARE = 0.7  # of 100 events that are expected, chance leaves as few as 70
_SCATTER_OBJECTS = 0.5  # nothing is counted more finely
_FEWEST_FOR_WHOLE = 10  # iterations in a round, for a whole number in each to mean something
_WHOLE_SHARE = 0.005
_WHOLE_OBJECTS = 2
_FALL_SHARE = 0.02
_ALL_BEFORE = 0.9
_REST = 0.45


def rises(
    values: Sequence[float], iterations: Sequence[int], detect: float, places: int = 1
) -> bool:
    """Tell whether growth by `values` per round is steady, at `detect` or above it.

    `places`: among how many places that moved this one was looked for.
    """
    total = sum(iterations)
    if _bends(values, iterations):
        return False
    for start in range(len(values) - STEADY_ROUNDS + 1):
        part, runs = values[start:], iterations[start:]
        length = sum(runs)
        if length < _SHORTEST_SHARE * total:
            return False
        if _whole(part, runs):
            return True
        events = sum(part) / at_once(part)
        if events < ENOUGH_SHARE * detect * length or _slows_down(part, runs):
            continue
        if chance(part, runs) <= _CHANCE / max(places, 1):
            return True
    return False


def climbs(values: Sequence[float], iterations: Sequence[int]) -> bool:
    """Tell whether growth in ever longer steps, of bytes, is steady."""
    highest = low = level = 0.0
    for value in values:
        level += value
        highest = max(highest, level)
        low = max(low, highest - level)
    if low > _FALL_SHARE * highest:
        return False
    return _goes_on(*_in_longer_rounds(values, iterations))


def is_whole(counts: Sequence[float], iterations: Sequence[int]) -> bool:
    """Tell whether every round grew by the same whole number per iteration, but for a few."""
    each = round(sum(counts) / sum(iterations))
    return each > 0 and all(
        abs(number - each * n) <= _WHOLE_OBJECTS + _WHOLE_SHARE * each * n
        for number, n in zip(counts, iterations, strict=True)
    )


def at_once(values: Sequence[float]) -> int:
    """Return by how many objects at once a place grew, as far as its rounds tell."""
    if any(value != int(value) for value in values):
        return 1
    return math.gcd(*map(int, values)) or 1


def chance(values: Sequence[float], iterations: Sequence[int]) -> float:
    """Return how likely levels without a trend lie so close to so steep a line: a bound of it."""
    levels = list(accumulate(values, initial=0.0))
    places = list(accumulate(iterations, initial=0))
    count = len(levels)
    mean_place, mean_level = sum(places) / count, sum(levels) / count
    spread = sum((place - mean_place) ** 2 for place in places)
    pairs = list(zip(places, levels, strict=True))
    slope = sum((x - mean_place) * (y - mean_level) for x, y in pairs) / spread
    if slope <= 0:
        return 1.0
    scatter = sum((y - mean_level - slope * (x - mean_place)) ** 2 for x, y in pairs)
    freedom = count - 2
    deviation = max(math.sqrt(scatter / freedom), _SCATTER_OBJECTS)
    return _student(slope * math.sqrt(spread) / deviation, freedom)


def _student(t: float, freedom: int) -> float:
    """Return a bound of P(T > t) for Student's t: its tail's power law."""
    half = (freedom + 1) / 2
    log = math.lgamma(half) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    log += half * math.log(freedom) - math.log(freedom) - freedom * math.log(t)
    return min(1.0, math.exp(log))


def _whole(values: Sequence[float], iterations: Sequence[int]) -> bool:
    each = round(values[0] / iterations[0])
    return each > 0 and all(
        value == each * n and n >= _FEWEST_FOR_WHOLE
        for value, n in zip(values, iterations, strict=True)
    )


def _slows_down(values: Sequence[float], iterations: Sequence[int]) -> bool:
    """Tell whether the last third slowed down, or one of the last rounds by more than chance."""
    last = runs = 0.0
    for value, n in zip(reversed(values), reversed(iterations), strict=True):
        last, runs = last + value, runs + n
        if 3 * runs >= sum(iterations):
            break
    before = (sum(values) - last) / max(sum(iterations) - runs, 1)
    if last <= 0 or last < _KEPT_RATE * before * runs:
        return True
    together = at_once(values)
    for place in range(len(values) - STEADY_ROUNDS, len(values)):
        expected = max(before, 0.0) * iterations[place]
        least = _KEPT_RATE_OF_ROUND * expected - _DEVIATIONS * math.sqrt(expected * together)
        if values[place] < least:
            return True
    return False


def _bends(values: Sequence[float], iterations: Sequence[int]) -> bool:
    """Tell whether growth slowed down, by more than chance, whenever the check had doubled.

    So does a cache that fills with keys of which some are asked for far more often than others;
    over its last half alone it looks like a line. A leak at the place of a cache that is full by
    now goes on as fast as it did.
    """
    grown, runs = _in_longer_rounds(values, iterations)
    if len(grown) < STEADY_ROUNDS or min(grown) < 0:
        return False
    together = at_once(values)
    for place in range(1, len(grown)):
        expected = grown[place - 1] / runs[place - 1] * runs[place]
        chance_alone = expected - _BENT_DEVIATIONS * math.sqrt(expected * together)
        if grown[place] >= min(_BENT_RATE * expected, chance_alone):
            return False
    return _second_half_share(values, iterations, runs[-1]) < _BENT_HALF


def _second_half_share(values: Sequence[float], iterations: Sequence[int], last: int) -> float:
    """Return how fast the last iterations grew, beside those before them, of the `last` ones."""
    first_value = second_value = 0.0
    first_runs = second_runs = 0
    for value, n in zip(reversed(values), reversed(iterations), strict=True):
        if 2 * second_runs < last:
            second_value, second_runs = second_value + value, second_runs + n
        elif first_runs + second_runs < last:
            first_value, first_runs = first_value + value, first_runs + n
    if not first_runs or first_value <= 0:
        return 1.0
    return second_value / second_runs / (first_value / first_runs)


def _goes_on(values: Sequence[float], iterations: Sequence[int]) -> bool:
    """Tell whether each of the last rounds grew, and not much more slowly than those before it."""
    if len(values) < STEADY_ROUNDS:
        return False
    for place in range(len(values) - STEADY_ROUNDS, len(values)):
        before, runs = sum(values[:place]), sum(iterations[:place])
        expected = before / runs * iterations[place] if runs else 0.0
        if values[place] <= 0 or values[place] < _KEPT_RATE_OF_STEPS * expected:
            return False
    return True


def _in_longer_rounds(
    values: Sequence[float], iterations: Sequence[int]
) -> tuple[list[float], list[int]]:
    """Return rounds put together so that each is about as long as all before it."""
    first = sum(1 for _ in takewhile(lambda n: n <= iterations[0] + 1, iterations))
    grown, runs = [sum(values[:first])], [sum(iterations[:first])]
    open_value, open_runs = 0.0, 0
    for value, n in zip(values[first:], iterations[first:], strict=True):
        open_value, open_runs = open_value + value, open_runs + n
        if open_runs >= _ALL_BEFORE * sum(runs):
            grown.append(open_value)
            runs.append(open_runs)
            open_value, open_runs = 0.0, 0
    if open_runs >= _REST * sum(runs):
        return [*grown, open_value], [*runs, open_runs]
    grown[-1] += open_value
    runs[-1] += open_runs
    return grown, runs
