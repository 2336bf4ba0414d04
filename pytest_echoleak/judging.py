"""What is judged: each place, the stacks below it, and what only shows where several are added up.

- A *place* is a fold of stacks (folding.py).
- Where a place as a whole does not grow, its *stacks* are judged one by one: what start-up put
  there may go while requests leak. If as much came as went in every round, a cache replaced
  entries.
- *Lines of one function* are judged together where none of them alone grows enough: a leak in one
  of a hundred calls may take another branch each time.
- Lines of *several functions* that one of the user's called are judged together, too:
  spreading.py.
- What grows in steps of bytes where objects come and go may be a container's *room*: capacity.py.
- *Shared small blocks* are judged together (small_blocks.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pytest_echoleak.capacity import is_capacity
from pytest_echoleak.folding import Fold, fold_stacks, place_of
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.results import SHARED_BLOCKS
from pytest_echoleak.series import Growth
from pytest_echoleak.small_blocks import candidates, is_block, shared
from pytest_echoleak.spreading import with_spread
from pytest_echoleak.trends import Trend, trend

_UNBALANCED_SHARE = 0.05
_UNBALANCED_OBJECTS = 2
# Iterations at the rate `detect`: as many as the plateau has, at the defaults of both.
_EVENTS_OF_ROOM = 100
SHARED = Frame(SHARED_BLOCKS, "", 0)


def judge_places(
    folds: Sequence[Fold], iterations: Sequence[int], detect: float, ownership: Ownership
) -> list[tuple[Fold, Trend]]:
    """Return the folds of `folds` that grow, and what their growth does: none is excluded."""
    return _Judging(folds, iterations, detect, ownership).growing()


class _Judging:
    def __init__(
        self,
        folds: Sequence[Fold],
        iterations: Sequence[int],
        detect: float,
        ownership: Ownership,
    ) -> None:
        self._folds = folds
        self._iterations = iterations
        self._detect = detect
        self._ownership = ownership

    def growing(self) -> list[tuple[Fold, Trend]]:
        stacks = self._shared()
        if not stacks:
            return [(_unaccused(fold), found) for fold, found in self._separately(self._folds)]
        blocks = fold_stacks("heap", stacks, self._ownership)
        rest = self._separately(self._without(stacks))
        lines = tuple(
            dict.fromkeys(place_of(stack, self._ownership) for stack in candidates(stacks))
        )
        keepers = [fold for fold, _ in rest if fold.frame in lines]
        if len(keepers) == 1:  # what else grows there tells who keeps them
            whole = fold_stacks("heap", {**keepers[0].parts, **stacks}, self._ownership)
            whole = replace(whole, frame=keepers[0].frame, stack=keepers[0].stack)
            return [(whole if fold is keepers[0] else fold, found) for fold, found in rest]
        rest = [(_unaccused(fold), found) for fold, found in rest]
        return [*rest, (replace(blocks, frame=SHARED, shared=lines), self._trend(blocks.growth))]

    def _trend(self, growth: Growth) -> Trend:
        return trend(growth, self._iterations, self._detect, len(self._folds))

    def _shared(self) -> dict[Stack, Growth]:
        """Return the stacks that may share blocks, where more than one line of them grows."""
        heap = {
            stack: growth
            for fold in self._folds
            if fold.kind == "heap"
            for stack, growth in fold.parts.items()
        }
        stacks = shared(heap, self._iterations)
        if not stacks:
            return {}
        lines = {place_of(stack, self._ownership) for stack in candidates(stacks)}
        growth = fold_stacks("heap", stacks, self._ownership).growth
        return stacks if len(lines) > 1 and self._trend(growth) is not Trend.EXCLUDED else {}

    def _without(self, stacks: dict[Stack, Growth]) -> list[Fold]:
        left: list[Fold] = []
        for fold in self._folds:
            parts = {stack: one for stack, one in fold.parts.items() if stack not in stacks}
            if fold.kind != "heap" or len(parts) == len(fold.parts):
                left.append(fold)
            elif parts:
                left.append(fold_stacks(fold.kind, parts, self._ownership))
        return left

    def _separately(self, folds: Sequence[Fold]) -> list[tuple[Fold, Trend]]:
        growing: list[tuple[Fold, Trend]] = []
        functions: defaultdict[str, list[Fold]] = defaultdict(list)
        for fold in folds:
            grown, found = fold, self._trend(fold.growth)
            if found is Trend.EXCLUDED and (rising := self._rising(fold)):
                grown, found = rising, self._trend(rising.growth)
            if found is not Trend.EXCLUDED:
                if is_capacity(grown, self._folds):
                    found = self._of_room()
                growing.append((grown, found))
            elif fold.own and fold.kind == "heap":
                functions[fold.frame.function].append(fold)
        known = {fold.frame.function for fold, _ in growing}
        for function, lines in functions.items():
            if len(lines) > 1 and function not in known:
                growing += self._together(lines)
        growing = [one for one in growing if one[1] is not Trend.EXCLUDED]
        return with_spread(growing, folds, self._iterations, self._detect, self._ownership)

    def _of_room(self) -> Trend:
        """Return what room does: nothing, once what it is for has long been there."""
        long_ago = self._detect * sum(self._iterations) >= _EVENTS_OF_ROOM
        return Trend.EXCLUDED if long_ago else Trend.UNCLEAR

    def _rising(self, fold: Fold) -> Fold | None:
        """Return the stacks of a still fold that grow behind others that shrink."""
        if len(fold.parts) < 2 or _balanced(fold):
            return None
        rising = {
            stack: growth
            for stack, growth in fold.parts.items()
            if self._trend(growth) is not Trend.EXCLUDED
        }
        return fold_stacks(fold.kind, rising, self._ownership) if rising else None

    def _together(self, lines: Sequence[Fold]) -> list[tuple[Fold, Trend]]:
        parts = {stack: growth for fold in lines for stack, growth in fold.parts.items()}
        whole = fold_stacks("heap", parts, self._ownership)
        return [(whole, self._trend(whole.growth))]


def _unaccused(fold: Fold) -> Fold:
    """Return a fold of small blocks that no line of the service opened as what it is: shared."""
    if fold.own or fold.kind != "heap" or not all(map(is_block, fold.parts.values())):
        return fold
    return replace(fold, frame=SHARED, shared=(fold.frame,))


def _balanced(fold: Fold) -> bool:
    """Tell whether as much came as went, in every round."""
    for place, count in enumerate(fold.growth.count):
        came = sum(max(one.count[place], 0) for one in fold.parts.values())
        if abs(count) > _UNBALANCED_OBJECTS + _UNBALANCED_SHARE * came:
            return False
    return True
