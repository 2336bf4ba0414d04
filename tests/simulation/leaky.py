"""Models of services that leak.

Each is a function of a source of chance that returns a service's places. A model says what is true
of a service, not what the rule sees in it: some are harder than any service that was measured.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from pytest_echoleak.pprof.frames import Frame
from tests.simulation.ordinary import background, below_one_caller, by_age
from tests.simulation.places import (
    LevelAt,
    Place,
    appended,
    at_random,
    below,
    both,
    doubled,
    filling,
    in_steps,
    line,
    regularly,
    runtime_caches,
    scattered,
)
from tests.simulation.recordings import Model

DETECT = 0.01


def leak_at(make: Callable[[random.Random], LevelAt], *, goroutine: bool = False) -> Model:
    """Return the model of a service that leaks at one place."""

    def model(source: random.Random) -> list[Place]:
        return [*background(source), Place(line(1), make(source), goroutine)]

    return model


def several_stacks(source: random.Random) -> list[Place]:
    """One of a hundred requests leaks, each time through another of 40 stacks below one line."""
    stacks = [Place(line(1, 300 + k), at_random(source, DETECT / 40)) for k in range(40)]
    return background(source) + stacks


def several_lines(source: random.Random) -> list[Place]:
    """Each request leaks through one of 200 lines of the service's own."""
    return background(source) + [
        Place(line(1000 + k), at_random(source, 1 / 200)) for k in range(200)
    ]


def several_functions(source: random.Random) -> list[Place]:
    """One request in 20 leaks, through one of 24 functions that one of the user's calls."""
    leaks = [Place(below(1, line(1 + k)), at_random(source, 0.05 / 24)) for k in range(24)]
    return below_one_caller(background)(source) + leaks


def numbers_beside_entries(source: random.Random) -> list[Place]:
    """A slice of numbers without bound, in a function whose cache holds entries for a second."""
    entries = by_age(source)
    beside = Frame("example.com/shop.f1", "/src/shop/shop.go", 2)
    return [
        *background(source),
        Place(line(1), entries, rested=(0.0, 0.0)),
        Place((beside, line(1)[-1]), in_steps(appended, 8)),
    ]


def split_blocks(source: random.Random) -> list[Place]:
    """One request in 100 keeps a small string; others' small objects open the blocks it lies in."""
    return background(source) + [
        Place(line(1 + k), at_random(source, DETECT / 4, size=16)) for k in range(4)
    ]


def leak_and_queue(rate: float, *longest: int) -> Model:
    """Return a leak at a line whose objects also wait for a batch that the clock flushes."""

    def model(source: random.Random) -> list[Place]:
        leak = at_random(source, rate)
        most = source.choice(longest)
        queue = scattered(lambda: source.randrange(most))
        return [*background(source), Place(line(1), both(leak, queue))]

    return model


def leak_and_caches(source: random.Random) -> list[Place]:
    """One in a hundred, at a line where the runtime's caches fill and single objects move."""
    return [
        *background(source),
        Place(line(1), at_random(source, DETECT)),
        Place(line(1, 1), runtime_caches(source, 40)),
        Place(line(1, 2), scattered(partial(source.choice, (0, 0, 1, 2)))),
    ]


def leak_and_lru(source: random.Random) -> list[Place]:
    """One request in ten leaks, at the line of a cache that fills meanwhile."""
    cache = filling(source.choice((500, 2_000)))
    return [*background(source), Place(line(1), both(cache, at_random(source, 0.1)))]


def masked(source: random.Random) -> list[Place]:
    """Each request leaks, while a cache that start-up filled through the same line shrinks."""
    full = source.randrange(2_000, 8_000)
    shrinking: LevelAt = lambda done: (max(full - 2 * done, 0), 64.0 * max(full - 2 * done, 0))  # noqa: E731
    return [
        *background(source),
        Place(line(1, 1), regularly(1)),
        Place(line(1, 2), shrinking),
    ]


def random_sizes(source: random.Random) -> LevelAt:
    """Return buffers of 1 to 64 KB, of which one in a hundred stays."""
    count = at_random(source, DETECT)
    state = [0.0, 0.0]

    def level(done: int) -> tuple[float, float]:
        now, _ = count(done)
        state[1] += sum(source.randrange(1_000, 64_000) for _ in range(int(now - state[0])))
        state[0] = now
        return now, state[1]

    return level


LEAKS: dict[str, Model] = {
    "every iteration": leak_at(lambda _: regularly(1)),
    "one in 100, at random": leak_at(lambda source: at_random(source, DETECT)),
    "one in 50, at random": leak_at(lambda source: at_random(source, 2 * DETECT)),
    "one in 20, at random": leak_at(lambda source: at_random(source, 5 * DETECT)),
    "one in 3, at random": leak_at(lambda source: at_random(source, 1 / 3)),
    "one in 100, regularly": leak_at(lambda _: regularly(100)),
    "each, after request 500": leak_at(lambda _: regularly(1, start=500)),
    "one in 10, after request 500": leak_at(lambda source: at_random(source, 0.1, start=500)),
    "five objects at a time, one in 100": leak_at(
        lambda source: at_random(source, DETECT, objects=5)
    ),
    "272 objects each": leak_at(lambda _: regularly(1, objects=272)),
    "goroutine, each": leak_at(lambda _: regularly(1, size=0), goroutine=True),
    "goroutine, one in 100": leak_at(lambda s: at_random(s, DETECT, size=0), goroutine=True),
    "goroutine, one in 3": leak_at(lambda s: at_random(s, 1 / 3, size=0), goroutine=True),
    "slice of 8 B that doubles": leak_at(lambda _: in_steps(doubled, 8)),
    "slice of 8 B, Go's append": leak_at(lambda _: in_steps(appended, 8)),
    "map of 16 B that doubles": leak_at(lambda _: in_steps(doubled, 16)),
    "slice of 64 B, one in 3": leak_at(lambda _: in_steps(appended, 64, rate=1 / 3)),
    "buffers of random size, one in 100": leak_at(random_sizes),
    "slice of 8 B, one in 50": leak_at(lambda _: in_steps(appended, 8, rate=0.02)),
    "slabs of 4 kB, filled by each": leak_at(lambda _: regularly(256, size=4_096)),
    "slabs of 2 kB, filled by each": leak_at(lambda _: regularly(200, size=2_048)),
    "numbers beside a TTL cache, each": numbers_beside_entries,
    "24 functions below one, one in 20": several_functions,
    "40 stacks, one in 100": several_stacks,
    "200 lines, each": several_lines,
    "shared small blocks, one in 100": split_blocks,
    "beside filling caches, one in 100": leak_and_caches,
    "beside an LRU, one in 10": leak_and_lru,
    "below a shrinking cache, each": masked,
    "in a short queue's line, one in 100": leak_and_queue(DETECT, 5, 10, 20),
    "in a queue's line, each": leak_and_queue(1.0, 40, 160, 640),
}

AT_DETECT = (
    "one in 100, at random",
    "one in 100, regularly",
    "five objects at a time, one in 100",
    "goroutine, one in 100",
    "buffers of random size, one in 100",
    "40 stacks, one in 100",
    "shared small blocks, one in 100",
    "beside filling caches, one in 100",
    "in a short queue's line, one in 100",
)
"""The leaks that are as rare as `detect` accepts: only these are missed now and then."""
