"""Models made of the recorded series of real healthy services: see record.py."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from tests.simulation.places import LevelAt, Place, line

Model: TypeAlias = Callable[[random.Random], list[Place]]
"""The model of a service: its places, as a source of chance makes them."""


def recorded() -> dict[str, Model]:
    """Return the services whose series record.py has written down."""
    file = Path(__file__).with_name("recorded.json")
    recording = json.loads(file.read_text())
    return {
        f"recorded: {name}": partial(resampled, route, recording["iterations"])
        for name, route in recording["routes"].items()
    }


def resampled(
    route: dict[str, list[list[int]]], iterations: int, source: random.Random
) -> list[Place]:
    """Return a service that moves as a recorded one did.

    It begins as that did. Later rounds are drawn from the recording's second half; all stacks take
    the same, for they moved together.
    """
    drawn: list[int] = []
    places = []
    for kind in ("heap", "goroutines"):
        for number, values in enumerate(route[kind]):
            grown = list(zip(values[::2], values[1::2], strict=True))
            level = _replayed(grown, iterations, drawn, source)
            places.append(Place(line(5000 + number), level, kind == "goroutines"))
    return places


def _replayed(
    grown: list[tuple[int, int]], iterations: int, drawn: list[int], source: random.Random
) -> LevelAt:
    rounds = len(grown)

    def level(done: int) -> tuple[float, float]:
        count = size = 0.0
        for place in range(done // iterations):
            if place >= len(drawn):
                late = source.randrange(rounds // 2, rounds)
                drawn.append(place if place < rounds else late)
            count += grown[drawn[place]][0]
            size += grown[drawn[place]][1]
        return count, size

    return level
