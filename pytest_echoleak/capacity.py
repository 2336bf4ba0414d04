"""A container's room: as large as the most objects that it ever held, and it never shrinks.

It grows in steps of bytes, where objects come and go. Room is no leak where all containers of a
function grew by no more than its objects rose, and none went on when these had risen to their
height: a slice of numbers beside a map whose entries go leaks all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from pytest_echoleak.folding import Fold
from pytest_echoleak.steadiness import STEADY_ROUNDS
from pytest_echoleak.trends import in_steps

# For each object by which the most that was held rose: a slice of pointers has up to twice the room
# that it needs, and between two snapshots there may have been more.
_CAPACITY_BYTES = 24
_POINTER_BYTES = 8
# Nearly the most that was held. A step or two may come later: of what was between two snapshots.
_HEIGHT_SHARE = 0.8
_LATE_SHARE = 0.5


def is_capacity(fold: Fold, folds: Iterable[Fold]) -> bool:
    """Tell whether a fold grows by no more than what holds the objects of its function takes.

    `folds` are all places that moved. A window over the last second takes more when requests get
    faster, and keeps it.
    """
    if fold.kind != "heap" or not fold.own or not in_steps(fold.growth):
        return False
    beside = _of_function(fold, folds)
    rose = _most_held([one for one in beside if min(one.growth.count) < 0])
    room = sum(sum(one.growth.bytes) for one in beside if in_steps(one.growth))
    if not rose or room > _CAPACITY_BYTES * rose[-1]:
        return False
    return not _goes_on(fold.growth.bytes, rose)


def outgrows(fold: Fold, objects: Iterable[Fold]) -> bool:
    """Tell whether room went on growing when the `objects` of its function were at their height."""
    rose = _most_held(_of_function(fold, objects))
    return bool(rose) and _goes_on(fold.growth.bytes, rose)


def _of_function(fold: Fold, folds: Iterable[Fold]) -> list[Fold]:
    return [
        one for one in folds if one.kind == "heap" and one.frame.function == fold.frame.function
    ]


def _most_held(folds: Iterable[Fold]) -> list[float]:
    """Return for each round how many objects these held at most until then, all together."""
    highest = [
        list(accumulate(accumulate(one.growth.count), max, initial=0.0))[1:] for one in folds
    ]
    return [sum(levels) for levels in zip(*highest, strict=True)]


def _goes_on(size_bytes: Sequence[float], rose: Sequence[float]) -> bool:
    """Tell whether room went on growing, by much, when what needs it had come to its height."""
    height = next(place for place, most in enumerate(rose) if most >= _HEIGHT_SHARE * rose[-1])
    needed = max(sum(size_bytes[: height + 1]), _POINTER_BYTES * rose[height])
    late = size_bytes[height + 1 :]
    steps = sum(grown > 0 for grown in late)
    return steps >= STEADY_ROUNDS and sum(late) > _LATE_SHARE * needed
