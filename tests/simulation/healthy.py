"""Models of healthy services that look as if they leaked: see leaky.py."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tests.simulation.ordinary import background, below_one_caller, by_age
from tests.simulation.places import (
    LevelAt,
    Place,
    appended,
    arriving,
    below,
    doubled,
    filling,
    interned,
    line,
    peaks,
    poisson,
    runtime_caches,
    scattered,
)
from tests.simulation.recordings import Model, recorded


def healthy_at(make: Callable[[random.Random], LevelAt], *, goes: bool = False) -> Model:
    """Return the model of a healthy service with one hard place; `goes`: idle, it lets all go."""

    def model(source: random.Random) -> list[Place]:
        place = Place(line(1), make(source), rested=(0.0, 0.0) if goes else None)
        return [*background(source), place]

    return model


def prepared(source: random.Random) -> list[Place]:
    """Connections of a pool prepare twenty objects each when they are first used: ever later."""
    times = [10 ** source.uniform(1.5, 4.3) for _ in range(source.randrange(2, 26))]
    return background(source) + [
        Place(line(1, k), arriving(list(times), objects=4)) for k in range(5)
    ]


def prepared_soon(source: random.Random) -> list[Place]:
    """The same, where chance alone chooses the connection."""
    connections = source.randrange(2, 26)
    times = [source.uniform(0, 5_000) for _ in range(connections)]
    return [*background(source), Place(line(1), arriving(times, objects=21))]


def queue(source: random.Random) -> list[Place]:
    """Batches flushed by the clock: as many wait as came since the last flush."""
    most = int(10 ** source.uniform(0.5, 3.7))
    waiting = scattered(lambda: source.randrange(most))
    return [*background(source), Place(line(1), waiting, rested=(0.0, 0.0))]


def queue_flushed_by_number(source: random.Random) -> list[Place]:
    """Batches flushed when there are enough of them: what waits has no end when idle."""
    batch = int(10 ** source.uniform(1, 3.8))
    return [*background(source), Place(line(1), lambda done: (done % batch, 64.0 * (done % batch)))]


def in_flight(source: random.Random) -> list[Place]:
    """Goroutines that outlive their response by 300 ms, and what they hold."""
    mean = 10 ** source.uniform(0, 3)
    return [
        *background(source),
        Place(line(1), scattered(partial(poisson, source, mean), 0), True, rested=(0.0, 0.0)),
        Place(line(1), scattered(partial(poisson, source, mean)), rested=(0.0, 0.0)),
    ]


def with_janitor(source: random.Random) -> LevelAt:
    """Return such a cache that a janitor sweeps: up to half as many again wait for it."""
    lifetime = source.randrange(100, 4_000)

    def level(done: int) -> tuple[float, float]:
        count = round(min(done, lifetime * source.uniform(1, 1.5)))
        return count, 64.0 * count

    return level


def window(source: random.Random) -> LevelAt:
    """Return a sliding window over the last things seen, trimmed now and then."""
    width = source.randrange(50, 5_000)
    slack = source.randrange(1, width // 2)
    return lambda done: (min(done, width + done % slack), 40.0 * min(done, width + done % slack))


def cleared(source: random.Random) -> LevelAt:
    """Return a map that is cleared every so many requests, and keeps its capacity."""
    period = source.randrange(50, 7_000)
    return lambda done: (
        done % period,
        32.0 * (done % period) + 16 * doubled(min(done, period)),
    )


def random_buffers(source: random.Random) -> LevelAt:
    """Return a few buffers, each replaced by one of another size at each use."""
    buffers, largest = source.randrange(1, 9), source.choice((500, 4_000, 60_000, 1_000_000))

    def level(_done: int) -> tuple[float, float]:
        return buffers, float(sum(source.randrange(largest) for _ in range(buffers)))

    return level


def grown_buffers(source: random.Random) -> LevelAt:
    """Return pooled buffers that keep the size of the largest body they have met."""
    buffers, largest = source.randrange(1, 17), source.choice((4_000, 60_000, 1_000_000))
    sizes, state = [0.0] * buffers, [0]

    def level(done: int) -> tuple[float, float]:
        for place in range(buffers):
            met = max((done - state[0]) // buffers, 1)
            sizes[place] = max(sizes[place], largest * source.random() ** (1 / met))
        state[0] = done
        return buffers, sum(sizes)

    return level


def sampling(source: random.Random) -> LevelAt:
    """Return a count that is read to within some objects."""
    spread = source.uniform(0.5, 12)
    return scattered(lambda: round(source.gauss(20, spread)))


def late_room(source: random.Random) -> LevelAt:
    """Return a table of numbers that is full some time before the plateau: its room alone shows."""
    full, entries = source.randrange(1_000, 9_900), source.randrange(200, 5_000)
    capacity = source.choice((doubled, appended))
    return lambda done: (1, 16 * capacity(min(done, full) * entries / full))


def skewed(source: random.Random) -> LevelAt:
    """Return a bounded cache whose keys are not asked for alike: it fills ever more slowly."""
    bound, power = source.randrange(300, 5_000), source.uniform(0.35, 0.5)

    def level(done: int) -> tuple[float, float]:
        count = round(bound * min(done / 40_000, 1) ** power)
        return count, 64.0 * count

    return level


def sampled_layers(source: random.Random) -> list[Place]:
    """Each 200th request is traced: seven functions below one keep an object each, in a ring."""
    ring = source.randrange(100, 400)
    kept: LevelAt = lambda done: (min(done // 200, ring), 32.0 * min(done // 200, ring))  # noqa: E731
    layers = [Place(below(1, line(1 + k)), kept) for k in range(7)]
    return below_one_caller(background)(source) + layers


def lazy(source: random.Random) -> LevelAt:
    """Return what is set up once, at some request."""
    times = [source.uniform(0, 12_000)]
    return arriving(times, objects=source.randrange(1, 2_000))


def turnover(source: random.Random) -> list[Place]:
    """A full cache: what start-up put there goes, what requests put there comes."""
    size = source.randrange(100, 6_000)
    gone: LevelAt = lambda done: (max(size - done, 0), 64.0 * max(size - done, 0))  # noqa: E731
    return [*background(source), Place(line(1, 1), filling(size)), Place(line(1, 2), gone)]


def restless(source: random.Random, places: int = 40) -> list[Place]:
    """Many places, each of which moves by some objects at each snapshot."""
    return [
        Place(line(2000 + k), scattered(partial(poisson, source, source.uniform(0.1, 5))))
        for k in range(places)
    ] + background(source)


def real_size(source: random.Random) -> list[Place]:
    """A service of 12,000 stacks, all of which move a little."""
    places = []
    for k in range(12_000):
        kind = source.random()
        level = (
            runtime_caches(source, source.randrange(1, 4))
            if kind < 0.3
            else scattered(partial(poisson, source, source.uniform(0.05, 3)))
        )
        places.append(Place(line(3000 + k // 3, k), level))
    return places


def several(source: random.Random) -> list[Place]:
    """Several of the others at once, each at lines of its own."""
    places: list[Place] = []
    for number, name in enumerate(source.sample(sorted(SINGLE), 6)):
        for place in SINGLE[name](source):
            own = place.stack[-2]
            if own.line < 100:
                moved = own._replace(
                    line=own.line + 10 * number, function=f"example.com/shop.{name}"
                )
                stack = (*place.stack[:-2], moved, place.stack[-1])
                places.append(Place(stack, place.level, place.goroutine, place.rested))
    return background(source) + places


SINGLE: dict[str, Model] = {
    "LRU of 500": healthy_at(lambda _: filling(500)),
    "LRU of 2,000": healthy_at(lambda _: filling(2_000)),
    "LRU of 5,000": healthy_at(lambda _: filling(5_000, 3)),
    "LRU of 9,000": healthy_at(lambda _: filling(9_000)),
    "interning 200 values": healthy_at(lambda source: interned(source, 200)),
    "interning 1,000 values": healthy_at(lambda source: interned(source, 1_000)),
    "runtime's caches, many": healthy_at(lambda source: runtime_caches(source, 200, 5_000)),
    "statements prepared, ever later": prepared,
    "statements prepared, at random": prepared_soon,
    "batches by the clock": queue,
    "batches by number": queue_flushed_by_number,
    "goroutines of 300 ms": in_flight,
    "map under insert and delete": healthy_at(
        lambda source: peaks(source, 10 ** source.uniform(0.5, 4))
    ),
    "TTL cache": healthy_at(by_age, goes=True),
    "TTL cache with a janitor": healthy_at(with_janitor, goes=True),
    "sliding window": healthy_at(window),
    "map cleared now and then": healthy_at(cleared),
    "buffers of random sizes": healthy_at(random_buffers),
    "buffers as large as the largest body": healthy_at(grown_buffers),
    "counts read inexactly": healthy_at(sampling),
    "set up once, late": healthy_at(lazy),
    "full cache that turns over": turnover,
    "table that is full before the plateau": healthy_at(late_room),
    "traces of seven layers, one in 200": sampled_layers,
}
HEALTHY: dict[str, Model] = {
    "still": lambda _: [],
    "background alone": background,
    **SINGLE,
    "cache of skewed keys": healthy_at(skewed),
    "40 restless places": restless,
    "six of these at once": several,
    "40 restless places, below one function": below_one_caller(restless),
    "six of these at once, below one function": below_one_caller(several),
    **recorded(),
}
