"""What came once, and of no request: a job of the clock's, which runs every minute, say.

An idle round of seconds cannot show what the clock does every minute. What a job sets up at its
first run looks like the begin of a leak, and where requests are slow there is no time to see that
it does not go on. But it came in a single round, while the others, of which there are many more,
exclude a leak; and no server's goroutine allocated it. Only where a check could not go on any
further is that asked: a leak of batches comes again.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_echoleak.folding import Fold, fold_stacks
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.series import Growth
from pytest_echoleak.trends import Trend, trend

_SILENT_SHARE = 0.75
_SILENT_EVENTS = 20
# Who serves a request: net/http, over HTTP/1 and 2.
_SERVES = ("net/http.(*conn).", "net/http.(*http2", "net/http/internal/http2.")


def only_bursts(
    folds: Sequence[Fold], iterations: Sequence[int], detect: float, ownership: Ownership
) -> bool:
    """Tell whether all that may grow in `folds` came at once, in one round, and of no request."""
    return bool(folds) and all(_only_burst(fold, iterations, detect, ownership) for fold in folds)


def _only_burst(fold: Fold, iterations: Sequence[int], detect: float, ownership: Ownership) -> bool:
    bursts = {
        stack
        for stack, growth in fold.parts.items()
        if not _serves(stack) and _is_burst(growth, iterations, detect)
    }
    rest = {stack: growth for stack, growth in fold.parts.items() if stack not in bursts}
    if fold.kind != "heap" or not bursts:
        return False
    if not rest:
        return True
    left = fold_stacks(fold.kind, rest, ownership)
    return trend(left.growth, iterations, detect) is Trend.EXCLUDED


def _is_burst(growth: Growth, iterations: Sequence[int], detect: float) -> bool:
    grew = [
        place
        for place, change in enumerate(zip(growth.count, growth.bytes, strict=True))
        if max(change) > 0
    ]
    if len(grew) != 1:
        return False
    silent = sum(iterations) - iterations[grew[0]]
    return silent * detect >= _SILENT_EVENTS and silent >= _SILENT_SHARE * sum(iterations)


def _serves(stack: Stack) -> bool:
    return bool(stack) and stack[-1].function.startswith(_SERVES)
