"""Models of services that leak, and of healthy ones that look as if they did.

Each is a function of a source of chance that returns a service's places. A model says what is true
of a service, not what the rule sees in it: some are harder than any service that was measured.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tests.simulation.places import (
    LevelAt,
    Place,
    appended,
    arriving,
    at_random,
    both,
    doubled,
    filling,
    in_steps,
    interned,
    line,
    peaks,
    poisson,
    regularly,
    runtime_caches,
    scattered,
)
from tests.simulation.recordings import Model, recorded

DETECT = 0.01


def background(source: random.Random) -> list[Place]:
    """Return what moves in any service: the runtime's caches, and single objects now and then.

    Together they take up to 0.06 objects per request at first, and hardly any after 15,000.
    """
    caches = [
        Place(line(100 + k, k), runtime_caches(source, source.randrange(1, 25))) for k in range(8)
    ]
    single = [
        Place(line(200 + k, k), scattered(partial(source.choice, (0, 0, 0, 1, 2))))
        for k in range(4)
    ]
    return caches + single


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


def by_age(source: random.Random) -> LevelAt:
    """Return a cache whose entries live for a time, which takes more or fewer requests."""
    lifetime = source.randrange(100, 6_000)

    def level(done: int) -> tuple[float, float]:
        count = round(min(done, lifetime * max(source.gauss(1, 0.07), 0.1)))
        return count, 64.0 * count

    return level


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
}
HEALTHY: dict[str, Model] = {
    "still": lambda _: [],
    "background alone": background,
    **SINGLE,
    "40 restless places": restless,
    "six of these at once": several,
    **recorded(),
}
