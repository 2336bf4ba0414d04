"""Small objects without pointers: Go lets them share blocks of 16 bytes.

The profile charges a block to the line that opened it, though the block stays because of what some
other line put into it. Of 2,000 strings that one function kept, 999 showed at a line that keeps
nothing. So a record of 16 bytes per object is no evidence against its line, unless it grew by a
whole number in each iteration: what shares blocks does so as it comes, and its rates are fractions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.series import Growth

_BLOCK_BYTES = 16
_WHOLE_SHARE = 0.005
_WHOLE_OBJECTS = 2
_CANDIDATE_SHARE = 0.01
_CANDIDATE_OBJECTS = 2


def may_share(growth: Growth, iterations: Sequence[int]) -> bool:
    """Tell whether blocks of 16 bytes grew, and by no whole number per iteration."""
    count = sum(growth.count)
    if count == 0 or any(
        size != _BLOCK_BYTES * number
        for number, size in zip(growth.count, growth.bytes, strict=True)
    ):
        return False
    count = runs = 0.0
    for number, n in zip(reversed(growth.count), reversed(iterations), strict=True):
        count, runs = count + number, runs + n
        if 2 * runs >= sum(iterations):
            break
    whole = round(count / runs) * runs
    return not whole or abs(count - whole) > _WHOLE_OBJECTS + _WHOLE_SHARE * whole


def candidates(stacks: Mapping[Stack, Growth]) -> list[Stack]:
    """Return those that hold a noticeable part of what `stacks` grew by, the largest first."""
    grown = {stack: sum(growth.count) for stack, growth in stacks.items()}
    least = max(_CANDIDATE_SHARE * sum(grown.values()), _CANDIDATE_OBJECTS)
    return sorted((s for s in grown if grown[s] >= least), key=lambda s: (-grown[s], s))
