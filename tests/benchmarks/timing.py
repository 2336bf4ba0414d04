"""Timing things in turn, so that whatever else the machine does meets them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    return timed(call)[0]


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return how long a call takes, and its result."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def alternating(runs: int, *measures: Callable[[], float]) -> list[tuple[float, ...]]:
    """Return the results of `measures`, one after the other, `runs` times."""
    return [tuple(measure() for measure in measures) for _ in range(runs)]


def median(results: Sequence[tuple[float, ...]], place: int) -> float:
    """Return the median of one measure."""
    return statistics.median(result[place] for result in results)


def median_ratio(results: Sequence[tuple[float, ...]]) -> float:
    """Return the median of the first measure over the second, each taken in the same turn."""
    return statistics.median(result[0] / result[1] for result in results)
