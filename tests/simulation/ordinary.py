"""What the models of services have in common, leaky or healthy."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

from tests.simulation.places import (
    LevelAt,
    Place,
    below,
    line,
    runtime_caches,
    scattered,
)
from tests.simulation.recordings import Model


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


def by_age(source: random.Random) -> LevelAt:
    """Return a cache whose entries live for a time, which takes more or fewer requests."""
    lifetime = source.randrange(100, 6_000)

    def level(done: int) -> tuple[float, float]:
        count = round(min(done, lifetime * max(source.gauss(1, 0.07), 0.1)))
        return count, 64.0 * count

    return level


def below_one_caller(model: Model) -> Model:
    """Return the model of a service whose requests all go through one function of the user's."""

    def below_it(source: random.Random) -> list[Place]:
        return [replace(place, stack=below(1, place.stack)) for place in model(source)]

    return below_it
