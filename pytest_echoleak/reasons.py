"""Why a verdict is what it is, where its findings alone do not tell: a sentence for the reports."""

from __future__ import annotations

import math

from pytest_echoleak.options import NO_EVENT_FACTOR, Options
from pytest_echoleak.results import VerdictName
from pytest_echoleak.verdict import Judgement

# A quarter of the time limit may go into it.
_FOR_WARM_UP = 4 / 3


def reason_of(
    verdict: VerdictName,
    judgement: Judgement,
    options: Options,
    iterations: int,
    seconds: float,
    *,
    kept_too_much: bool,
) -> str:
    """Return the sentence for a `verdict` after so many measured `iterations`, "" where none fits.

    `seconds` is what these took, `kept_too_much` tells that what stayed ended the check.
    """
    if verdict == "leak":
        return _of_leak(judgement, options, iterations, kept_too_much=kept_too_much)
    if verdict == "clean":
        return _of_clean(judgement)
    return _of_inconclusive(judgement, options, iterations, seconds)


def _of_leak(
    judgement: Judgement, options: Options, iterations: int, *, kept_too_much: bool
) -> str:
    if kept_too_much:
        return "the check ended early, before the service would run out of memory"
    if not judgement.certain and iterations < options.plateau:
        return (
            f"max-seconds ({options.max_seconds:g}) ended it before the plateau of"
            f" {options.plateau:,}: until then a cache that fills looks the same"
        )
    return ""


def _of_clean(judgement: Judgement) -> str:
    """Return what must be said of growth that is accepted."""
    if judgement.tolerated:
        return "what grew is within the tolerance"
    if judgement.by_clock:
        return "what grew came by the second, not by the request"
    if not judgement.allowed:
        return ""
    if judgement.untouched:
        return "nothing stayed but what Allow accepts"
    return "what stayed beside what Allow accepts did not go on growing"


def _of_inconclusive(
    judgement: Judgement, options: Options, iterations: int, seconds: float
) -> str:
    needed = math.ceil(NO_EVENT_FACTOR / options.detect)
    if judgement.too_short:
        return (
            f"{iterations:,} iterations cannot show a leak in one of {1 / options.detect:g}: that"
            f" takes {needed:,} {_how_to_get(needed, options, iterations, seconds)}"
        )
    return (
        f"something grew, and within {iterations:,} iterations neither stopped nor repeated: go on"
        f" further (plateau={2 * max(options.plateau, needed)}), give it more max-seconds, or"
        " declare it with Allow(function=..., reason=..., at_most_objects=...)"
    )


def _how_to_get(needed: int, options: Options, iterations: int, seconds: float) -> str:
    """Return what lets a check make as many iterations, or be content with those it made."""
    wanted = options.measured_iterations
    if iterations >= wanted:
        return f"(iterations={needed}, or a larger detect)"
    in_all = _FOR_WARM_UP * max(needed, wanted) * seconds / max(iterations, 1)
    limit = math.ceil(max(in_all, 1.1 * options.max_seconds) / 10) * 10
    detect = math.ceil(100 * NO_EVENT_FACTOR / max(iterations, 1)) / 100
    larger = f", or look for less rare leaks: detect={detect:g}" if detect < 1 else ""
    took = f"{iterations:,} took {seconds:.0f} s"
    return f"({took}: max_seconds={limit}, or a larger concurrency{larger})"
