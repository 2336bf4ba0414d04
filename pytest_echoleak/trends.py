"""What a growth does over rounds: is it excluded, is it steady, or can only more iterations tell?

- *Excluded*: from some round on, so little grew that a leak in `detect` of the iterations would
  have shown, with 99.9 % confidence. If leaking iterations come at random at the rate d, they are
  Poisson(d n) in n iterations, and P(X <= c) <= exp(-dn) (e d n / c)^c (Chernoff's bound): for
  c = 0 that asks for 6.9 / d iterations, and for more, the more objects happened to stay.
  A check looks several times, and the chances to err add up: the first look takes half of the
  one in 1,000 (7.6 / d iterations), and the later ones, over more iterations, a twentieth each.
  Where objects go as well as come, a leak may hide behind those that went: what may have gone
  unseen (_Hidden) is counted as if it had stayed.
  A healthy service is never quite still; but what fills, fills up, and a leak goes on.
- *Steady*: see steadiness.py. Where few objects hold many bytes (a slice that doubles, a map, a
  buffer replaced by a larger one) bytes are judged. Slabs that each iteration adds some bytes to
  come more rarely than `detect`, but at even distances. So do samples of the requests: that is
  *unclear*.
- Else it is *unclear*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pytest_echoleak.options import SEVERAL_LOOKS_FACTOR
from pytest_echoleak.series import Growth
from pytest_echoleak.steadiness import at_once, climbs, rises

_LATER_LOOKS_FACTOR = SEVERAL_LOOKS_FACTOR + math.log(10)
# Events at the rate `detect` in the iterations of a first look; later looks see more.
_FIRST_LOOK_EVENTS = 2 * SEVERAL_LOOKS_FACTOR
# What grows in steps may hold entries of 8 bytes, and a slice of these that has grown by half again
# since silence began grew by a third of what they take.
_STILL_BYTES_PER_EVENT = 8 / 3
# More bytes than this per object that came: something was replaced by a larger one.
_STEP_BYTES = 4096
SILENT_SHARE = 0.6  # of all iterations: what doubles must have doubled meanwhile
_WOBBLE_SHARE = 0.1
# What moves by a dozen may fall, in one round, by as much as a leak grew.
_SILENT_EVENTS = 20
_SILENT_EVENTS_OF_RESTLESS = 30
# A queue of hundreds that comes and goes would hide one in 100 from any check of this length.
_MOST_HIDDEN = 25.0
_UNSEEN = 1.25
_SILENCE_OBJECTS = 2
# Buffers of half a kB and more are filled bit by bit; with less than a word from each iteration
# they are too few to be told from chance.
_SLAB_BYTES = 512
_ADDED_TO_SLABS_BYTES = 8.0
_SLAB_SCATTER = 1.0
_MOST_OF_SLAB = 4  # objects, say a header and its buffer


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
    if not steps and in_slabs(growth, iterations, detect):
        return Trend.UNCLEAR
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
    hidden = _Hidden.behind(growth.count, iterations, detect)
    count = size_bytes = 0.0
    seen = 0
    for place in range(len(iterations) - 1, -1, -1):
        count += growth.count[place]
        size_bytes += growth.bytes[place]
        seen += iterations[place]
        trickles = count > _SILENCE_OBJECTS and not first_look
        unseen = hidden.trickling if trickles else hidden.silent
        events = _SILENT_EVENTS_OF_RESTLESS if unseen else _SILENT_EVENTS
        # Growth in steps pauses for longer and longer: silence must last as long.
        if steps and seen < SILENT_SHARE * total:
            continue
        if not first_look and seen < events / detect:
            continue
        # Buffers of random sizes never hold quite the same: a tenth is no step of what grows.
        few = max(detect * seen * _STILL_BYTES_PER_EVENT, _STEP_BYTES * count)
        still = size_bytes <= max(few, _WOBBLE_SHARE * sum(growth.bytes[:place]))
        if still and excluded(max(count, 0) + unseen, seen, detect, factor):
            return True
    return False


@dataclass(frozen=True)
class _Hidden:
    """How many objects of a queue may have gone while as many leaked. What goes has come before.

    - `silent`: in rounds in which nothing stayed. As many as were seen to go, or to come faster
      than a leak at `detect` once that had paused: what fills does not go on after a pause.
    - `trickling`: in rounds in which some did stay. Then the first few that came, too, may have
      been the queue's; a cache that fills goes silent.
    """

    silent: float
    trickling: float

    @staticmethod
    def behind(counts: Sequence[float], iterations: Sequence[int], detect: float) -> _Hidden:
        fell = rose = rose_first = 0.0
        level = highest = beyond = 0.0
        low: float | None = None
        together = at_once(counts)
        for count, n in zip(counts, iterations, strict=True):
            level += count
            highest = max(highest, level)
            fell = max(fell, highest - level)
            leak = detect * n
            beyond += count / together - leak
            if low is not None:
                rose = max(rose, beyond - low)
                low = min(low, beyond)
            elif count / together < leak:
                low = beyond
            else:
                rose_first = max(rose_first, beyond)
        if rose_first > _MOST_HIDDEN:
            rose_first = 0.0
        silent = max(fell, rose)
        return _Hidden(
            min(_UNSEEN * silent, _MOST_HIDDEN),
            min(_UNSEEN * max(silent, rose_first), _MOST_HIDDEN),
        )


def in_slabs(growth: Growth, iterations: Sequence[int], detect: float) -> bool:
    """Tell whether slabs came, one by one and always after the same number of iterations.

    So do those that each iteration adds to: what comes at random scatters by more than one in some
    round, but for chance, and is none. A slab is a large object, or several that always come
    together; what comes as often as `detect` asks for needs no such look.
    """
    count, size_bytes, total = sum(growth.count), sum(growth.bytes), sum(iterations)
    together = min(at_once(growth.count), _MOST_OF_SLAB)
    if count <= together or count / together >= detect * total:
        return False
    if size_bytes < max(_SLAB_BYTES * count, _ADDED_TO_SLABS_BYTES * total):
        return False
    return all(
        abs(number - count * n / total) <= _SLAB_SCATTER * together
        for number, n in zip(growth.count, iterations, strict=True)
    )


def in_steps(growth: Growth) -> bool:
    """Tell whether few objects hold many bytes: growth of that kind repeats in bytes alone."""
    return sum(growth.bytes) > _STEP_BYTES * max(sum(growth.count), 0)
