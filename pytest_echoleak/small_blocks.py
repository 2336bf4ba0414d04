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
from pytest_echoleak.steadiness import is_whole

_BLOCK_BYTES = 16
_CANDIDATE_SHARE = 0.01
_CANDIDATE_OBJECTS = 2


def is_block(growth: Growth) -> bool:
    """Tell whether what grew are blocks of 16 bytes."""
    return any(growth.count) and all(
        size == _BLOCK_BYTES * number
        for number, size in zip(growth.count, growth.bytes, strict=True)
    )


def shared(stacks: Mapping[Stack, Growth], iterations: Sequence[int]) -> dict[Stack, Growth]:
    """Return those of `stacks` whose growth may be blocks that they open for each other.

    Which line opens a block may stay the same for thousands of iterations, and then change: what
    grew by a whole number from some round on belongs to the others where only all of them together
    grew by one in every round.
    """
    blocks = {stack: growth for stack, growth in stacks.items() if is_block(growth)}
    parts = {s: one for s, one in blocks.items() if not _whole_at_last(one.count, iterations)}
    late = {
        stack: growth
        for stack, growth in blocks.items()
        if stack not in parts and not is_whole(growth.count, iterations)
    }
    if parts and late:
        both = {**parts, **late}
        counts = [sum(grown) for grown in zip(*(one.count for one in both.values()), strict=True)]
        if is_whole(counts, iterations):
            return both
    return parts


def _whole_at_last(counts: Sequence[float], iterations: Sequence[int]) -> bool:
    """Tell the same of the last half: a leak may begin late."""
    runs = 0
    for place in range(len(counts) - 1, -1, -1):
        runs += iterations[place]
        if 2 * runs >= sum(iterations):
            return is_whole(counts[place:], iterations[place:])
    return False


def candidates(stacks: Mapping[Stack, Growth]) -> list[Stack]:
    """Return those that hold a noticeable part of what `stacks` grew by, the largest first."""
    grown = {stack: sum(growth.count) for stack, growth in stacks.items()}
    least = max(_CANDIDATE_SHARE * sum(grown.values()), _CANDIDATE_OBJECTS)
    return sorted((s for s in grown if grown[s] >= least), key=lambda s: (-grown[s], s))
