"""The time to a verdict as the number of live allocation stacks grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_echoleak import EchoService, GoSource, LeakError, assert_no_leak, start
from tests.benchmarks.table import Row
from tests.benchmarks.timing import alternating, median, seconds

SITES = GoSource(Path(__file__).parent / "sites", ready="/healthy")
COUNTS = (100, 1_000, 12_000)
RUNS = 3


def rows(runtime: str) -> Iterator[Row]:
    """Measure healthy code and a leak at each number of stacks."""
    with start(SITES, runtime=runtime) as service:  # type: ignore[arg-type]
        first: tuple[float, ...] = ()
        for count in COUNTS:
            with service.session().get(f"/sites?count={count}") as answer:
                answer.raise_for_status()
            times = _times(service)
            first = first or times
            what = ("healthy code is clean", "a leak is called", "a leak is called, `plateau=0`")
            for name, taken, at_first in zip(what, times, first, strict=True):
                yield Row(
                    f"{name}, {count:,} live stacks ({runtime})",
                    taken,
                    "",
                    None,
                    f"{taken / at_first:.2f} times that at {COUNTS[0]}" if times != first else "",
                )


def _times(service: EchoService) -> tuple[float, ...]:
    def clean() -> float:
        return seconds(lambda: assert_no_leak(service, "GET /healthy"))

    def leak() -> float:
        return seconds(lambda: _caught(service))

    def leak_at_once() -> float:
        return seconds(lambda: _caught(service, plateau=0))

    clean()
    results = alternating(RUNS, clean, leak, leak_at_once)
    return tuple(median(results, place) for place in range(3))


def _caught(service: EchoService, plateau: int | None = None) -> None:
    try:
        assert_no_leak(service, "GET /leak", plateau=plateau)
    except LeakError:
        return
    raise RuntimeError("a leak was not caught")
