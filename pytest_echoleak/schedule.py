"""How long a check goes on: for how many iterations more, and how long without any."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_echoleak.results import Finding
from pytest_echoleak.series import Round

# An extending round is so many times as long as all before it.
_EXTENSION = 2
# By then the runtime's per-P caches, too, have stopped to fill on a healthy service.
_SETTLED = 15_000
# Long enough for what runs once a second, and for so many events of the slowest growth.
_SHORTEST_IDLE_SECONDS = 1.1
_IDLE_EVENTS = 20
_LONGEST_IDLE_SECONDS = 5.0


def next_round(done: int, plateau: int, *, steady: bool) -> int:
    """Return how many iterations to add to the `done` ones, 0 where it is time for a verdict.

    Up to `plateau` rounds get ever longer; the last are halves of what is left, so that of a cache
    that fills late the last one is flat. What is not clearly `steady` then goes on: for half as
    long again, and where `plateau` is small until a service's own caches have settled.
    """
    left = plateau - done
    if left > 2 * _EXTENSION * done:
        return _EXTENSION * done
    if left > 0:
        return math.ceil(left / 2) if left > done else left
    again = max(plateau + plateau // 2, min(5 * plateau, _SETTLED))
    return 0 if steady else max(min(done, again - done), 0)


def idle_seconds(rounds: Sequence[Round], findings: Sequence[Finding]) -> float:
    """Return how long to idle: until the slowest growth would show, if it were the clock's."""
    if not findings:
        return 0.0
    seconds = sum(item.seconds for item in rounds)
    slowest = min(max(finding.objects + finding.goroutines, 1) for finding in findings)
    enough = max(seconds * _IDLE_EVENTS / slowest, _SHORTEST_IDLE_SECONDS)
    return min(enough, max(item.seconds for item in rounds), _LONGEST_IDLE_SECONDS)
