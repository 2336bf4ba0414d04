"""A holder's path: steps from a root to the objects, each a type, or a field and its type."""

from __future__ import annotations

import re

from pytest_echoleak.results import HeldBy

_PACKAGE = re.compile(r"(?<![\w.-])([\w-]+)\.")
_TYPES_WITH_SPACES = ("func ", "chan ", "<-chan ", "map[", "*", "[")


def types_to_container(held: HeldBy) -> tuple[str, ...]:
    """Return the variable that the path begins at, and the types from there to the container's."""
    end = _end_of_container(held)
    return (held.path[0].partition(" ")[0], *map(_type_of, held.path[1:end])) if end else ()


def types_behind_container(held: HeldBy) -> tuple[str, ...]:
    """Return the types from right behind the container to the objects."""
    end = _end_of_container(held)
    return tuple(map(_type_of, held.path[end:])) if end else ()


def packages_in(types: tuple[str, ...]) -> frozenset[str]:
    """Return the packages that the names of types begin with: without their folders."""
    return frozenset(name for one in types for name in _PACKAGE.findall(one))


def _end_of_container(held: HeldBy) -> int:
    """Return where the path goes on behind the container, 0 where that is not on it."""
    places = [n for n, hop in enumerate(held.path, 1) if hop.endswith(held.container_type)]
    return places[-1] if held.container and places else 0


def _type_of(step: str) -> str:
    if step.startswith(_TYPES_WITH_SPACES):
        return step
    return step.partition(" ")[2] or step
