"""How long a check goes on: for how many iterations more, and how long without any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from pytest_echoleak.folding import Fold
from pytest_echoleak.series import Round
from pytest_echoleak.steadiness import is_whole
from pytest_echoleak.trends import SILENT_SHARE, in_steps

# The first extending round is so many times as long as all before it.
_EXTENSION = 2
# Later ones are parts of the plateau: a line is told from chance by its number of points.
_PARTS = 8
_GOLDEN = (math.sqrt(5) - 1) / 2
# By then the runtime's per-P caches, too, have stopped to fill on a healthy service.
_SETTLED = 15_000
# So many leaking iterations at the rate `detect` are enough to tell their line from chance.
_EVENTS = 200
_CLEAR_FACTOR = 2
_MOST_SILENCE = 2.0
# As many as silence must last to exclude a leak (trends.py).
_CONFIRMING_EVENTS = 20
_PAUSE = 2.0
# Long enough for what runs once a second, and for so many events of the slowest growth.
_SHORTEST_IDLE_SECONDS = 1.1
_IDLE_EVENTS = 20
_LONGEST_IDLE_SECONDS = 5.0


def is_clear(folds: Sequence[Fold], rounds: Sequence[int], detect: float, plateau: int) -> bool:
    """Tell whether some of `folds`, that grow steadily, needs no more iterations to be told.

    What comes nearly as rarely as `detect` asks for takes longer, and so does what grows in steps:
    a container that was full before the plateau has had its last one by then.
    """
    often = _CLEAR_FACTOR * detect * sum(rounds)
    return any(
        sum(fold.growth.count) >= often
        or (sum(fold.growth.count) <= 0 and last_growth([fold], rounds) > plateau)
        for fold in folds
    )


def waits_for(
    unclear: Sequence[Fold], steady: Sequence[Fold], rounds: Sequence[int], plateau: int
) -> int:
    """Return after how many iterations anything grew last that may have come to its end since.

    What is steady may, where it grows in steps: if its last came before the plateau.
    """
    steps = [fold for fold in steady if in_steps(fold.growth)]
    full = [fold for fold in steps if last_growth([fold], rounds) <= plateau]
    return last_growth([*unclear, *full], rounds)


def next_round(
    done: int, plateau: int, *, steady: bool, detect: float = 0.01, last_grew: int = 0
) -> int:
    """Return how many iterations to add to the `done` ones, 0 where it is time for a verdict.

    Up to `plateau` they are a long round, then several: of a cache that fills late the last are
    flat, and a leak grows in each. What is not clearly `steady` then goes on: for half as long
    again, and where that is little until a service's own caches have settled, and a leak at the
    rate `detect` has shown often enough. What last grew after `last_grew` iterations, and is still
    since then, gets what is left of the silence that excludes growth in steps.
    """
    left = plateau - done
    if left > 2 * _EXTENSION * done:
        return _EXTENSION * done
    if left > 0:
        return _part(done, left, max(math.ceil(left / 4), plateau // _PARTS))
    if steady:
        return 0
    settled = min(5 * plateau, _SETTLED)
    again = max(plateau + plateau // 2, settled, math.ceil(_EVENTS / detect * settled / _SETTLED))
    silent = math.ceil(last_grew / (1 - SILENT_SHARE))
    if again <= done < silent <= _MOST_SILENCE * again:
        return silent - done
    return _part(done, again - done, max(again // (2 * _PARTS), 1))


def pause_share(folds: Sequence[Fold], done: int, plateau: int) -> float:
    """Return how long to rest between moments of load, as a multiple of what these last.

    A container is as large as the most that it ever held: what lives for a second takes more of it
    whenever requests get faster. At a third of their rate it has room, and a leak grows all the
    same. `folds` are what still grows after `done` iterations.
    """
    late = done >= plateau > 0
    return _PAUSE if late and folds and all(in_steps(fold.growth) for fold in folds) else 0.0


def last_growth(folds: Sequence[Fold], rounds: Sequence[int]) -> int:
    """Return after how many iterations any of the folds grew last."""
    ends = list(accumulate(rounds))
    return max(
        (
            ends[place]
            for fold in folds
            for place, grown in enumerate(zip(fold.growth.count, fold.growth.bytes, strict=True))
            if max(grown) > 0
        ),
        default=0,
    )


def _part(done: int, left: int, part: int) -> int:
    """Return about `part`, or all that is `left` where hardly more is.

    No two are alike: what a service does every so many requests must not fall into step with them.
    """
    varied = math.ceil(part * (0.75 + done * _GOLDEN % 1 / 2))
    return max(left if left < 1.5 * varied else varied, 0)


def confirming_round(rounds: Sequence[int], folds: Sequence[Fold], detect: float) -> int:
    """Return for how many iterations to go on after the last idle round, before a leak is called.

    What the clock fills may have been full in the very moment in which the load ended: idle, it
    looks like what only requests fill. A leak grows again. What grew by a whole number in each
    iteration, in rounds of so many, is none of the clock's.
    """
    if all(is_whole(fold.growth.count, rounds) for fold in folds):
        return 0
    enough = min(math.ceil(_CONFIRMING_EVENTS / detect), sum(rounds))
    return max(min(rounds[-1], 2 * enough), enough)


def idle_seconds(rounds: Sequence[Round], folds: Sequence[Fold]) -> float:
    """Return how long to idle: until the slowest growth would show, if it were the clock's.

    What grew by a whole number in each iteration, in all rounds, keeps step with the iterations: of
    the clock's, only what runs as often as they could do so.
    """
    if not folds:
        return 0.0
    iterations = [item.iterations for item in rounds]
    seconds = sum(item.seconds for item in rounds)
    slowest = min(max(sum(fold.growth.count), 1) for fold in folds)
    enough = seconds * _IDLE_EVENTS / slowest
    if not all(is_whole(fold.growth.count, iterations) for fold in folds):
        enough = max(enough, _SHORTEST_IDLE_SECONDS)
    return min(enough, seconds / 3, _LONGEST_IDLE_SECONDS)
