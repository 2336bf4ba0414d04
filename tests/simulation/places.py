"""Places of a made-up service: what each holds after so many iterations since the service began."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from pytest_echoleak.pprof.frames import Frame, Stack

Level = tuple[float, float]
"""Objects (or goroutines) and bytes held."""
LevelAt = Callable[[int], Level]
"""Called with ever more iterations, once for each snapshot."""

_SERVE = Frame("net/http.(*conn).serve", "/go/src/net/http/server.go", 2000)
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Place:
    """What one allocation stack, or one entry function of goroutines, holds.

    `rested`: what is left of it when the service was idle for some seconds; None: all of it.
    """

    stack: Stack
    level: LevelAt
    goroutine: bool = False
    rested: Level | None = None


def line(number: int, library: int | None = None) -> Stack:
    """Return a stack below a line of the user's own; with `library` it ends in a library."""
    own = Frame(f"example.com/shop.f{number}", "/src/shop/shop.go", number)
    if library is None:
        return (own, _SERVE)
    return (Frame(f"example.org/lib.g{library}", "/m/lib@v1.0.0/g.go", library), own, _SERVE)


def below(caller: int, stack: Stack) -> Stack:
    """Return a stack whose own line another of the user's functions called."""
    frame = Frame(f"example.com/shop.caller{caller}", "/src/shop/shop.go", 9_000 + caller)
    return (*stack[:-1], frame, stack[-1])


def events(source: random.Random, rate: float, count: int) -> int:
    """Return how many of `count` iterations have an event that comes at random at `rate`."""
    if rate >= 1:
        return count
    if rate * count > 400:
        spread = math.sqrt(count * rate * (1 - rate))
        return max(0, round(source.gauss(count * rate, spread)))
    found, place, scale = -1, 0, math.log1p(-rate)
    while place <= count:
        found += 1
        place += int(math.log(1 - source.random()) / scale) + 1
    return found


def poisson(source: random.Random, mean: float) -> int:
    """Return a number of things that are there at random, `mean` on average."""
    if mean > 100:
        return max(0, round(source.gauss(mean, math.sqrt(mean))))
    return events(source, mean / 1000, 1000)


def at_random(
    source: random.Random, rate: float, *, start: int = 0, objects: int = 1, size: int = 64
) -> LevelAt:
    """Return what stays of iterations that leak at random, from iteration `start` on."""
    state = [0, 0]

    def level(done: int) -> Level:
        new = max(done - start, 0) - max(state[0] - start, 0)
        state[1] += objects * events(source, rate, new)
        state[0] = done
        return state[1], state[1] * size

    return level


def regularly(every: int, *, start: int = 0, objects: int = 1, size: int = 64) -> LevelAt:
    """Return what stays where one iteration of `every` leaks."""

    def level(done: int) -> Level:
        count = objects * (max(done - start, 0) // every)
        return count, count * size

    return level


def in_steps(capacity: Callable[[float], float], element: int, rate: float = 1.0) -> LevelAt:
    """Return a slice or map: objects stay the same in number, bytes are its capacity's."""
    return lambda done: (1, element * capacity(rate * done))


def doubled(length: float) -> float:
    """Return the capacity of what doubles."""
    return 2.0 ** math.ceil(math.log2(max(length, 1)))


def appended(length: float) -> float:
    """Return the capacity that Go's append gives to a slice."""
    size = 1.0
    while size < length:
        size = 2 * size if size < 256 else size + (size + 768) // 4
    return size


def filling(capacity: int, objects: int = 1, size: int = 64) -> LevelAt:
    """Return a cache that takes an entry per iteration until it is full."""

    def level(done: int) -> Level:
        entries = min(done, capacity)
        return entries * objects, entries * objects * size

    return level


def arriving(times: list[float], objects: int = 1, size: int = 64) -> LevelAt:
    """Return what comes once at each of `times` (in iterations), and stays."""
    times.sort()

    def level(done: int) -> Level:
        count = objects * bisect_right(times, done)
        return count, count * size

    return level


def interned(source: random.Random, values: int, size: int = 32) -> LevelAt:
    """Return an interning table whose `values` are met at random."""
    return arriving([source.expovariate(1 / values) for _ in range(values)], size=size)


def runtime_caches(source: random.Random, slots: int, slowest: float = 4_000.0) -> LevelAt:
    """Return caches per P (sudogs and the like): each of `slots` fills once, ever more rarely."""
    return arriving(
        [
            source.expovariate(1 / math.exp(source.uniform(math.log(100), math.log(slowest))))
            for _ in range(slots)
        ],
        size=112,
    )


def scattered(draw: Callable[[], float], size: int = 64) -> LevelAt:
    """Return what is there anew at each snapshot: a queue, what is in flight."""

    def level(_done: int) -> Level:
        count = draw()
        return count, count * size

    return level


def peaks(source: random.Random, mean: float, element: int = 48) -> LevelAt:
    """Return the capacity of a map under insert and delete: that of its fullest moment so far."""
    state = [0.0, 0.0]

    def level(done: int) -> Level:
        new = max(done - state[0], 1)
        highest = _NORMAL.inv_cdf(min(max(source.random() ** (1 / new), 1e-12), 1 - 1e-12))
        state[0], state[1] = done, max(state[1], mean + highest * math.sqrt(mean))
        now = max(0.0, source.gauss(mean, math.sqrt(mean)))
        # Go's maps are tables of up to 1,024 slots, each grown by itself.
        tables = max(1.0, math.ceil(state[1] / 896))
        slots = doubled(state[1] / tables) * tables
        return round(now) + tables, slots * element + round(now) * 32

    return level


def both(*levels: LevelAt) -> LevelAt:
    """Return what several of them hold together, at one place."""

    def level(done: int) -> Level:
        held = [one(done) for one in levels]
        return sum(count for count, _ in held), sum(size for _, size in held)

    return level
