"""Numbers for stacks, so that the profiles of one service are compared as integers."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, islice, starmap
from typing import TypeAlias

from pytest_echoleak.errors import ProfileError
from pytest_echoleak.pprof.frames import Frame, Stack

# No service has as many; a profile that is made up to fill our memory may.
_MOST_SITES = 2_000_000
# No location is this character.
END_OF_STACK = "\0"

Calls: TypeAlias = tuple[tuple[str, str, int], ...]
"""The calls inlined into one, each by function, file and line."""


class StackTable(Mapping[int, Stack]):
    """Gives every stack it meets a number, a site, and tells the stack of a site.

    A profile names a stack by its locations: calls, each with what was inlined into it. Here a
    location is a character and a stack a text of these, the innermost first: texts are joined,
    split, hashed and compared many times faster than lists of numbers.
    """

    def __init__(self) -> None:
        self._locations: dict[Calls, str] = {}
        self._frames: list[Stack] = [()]
        self._sites: defaultdict[str, int] = defaultdict(count().__next__)
        self._places: list[str] = []
        self._stacks: dict[int, Stack] = {}

    def location(self, calls: Calls) -> str:
        """Return the character of a location.

        Raises ProfileError where there are more of them than characters.
        """
        character = self._locations.get(calls)
        if character is None:
            number = len(self._frames)
            if number > sys.maxunicode:
                raise ProfileError(f"its profiles have named more than {number:,} locations")
            # Equal to the tuples that they are made of: one object is enough for both.
            frames = tuple(starmap(Frame, calls))
            character = self._locations[frames] = chr(number)
            self._frames.append(frames)
        return character

    def sites(self, stacks: Sequence[str]) -> list[int]:
        """Return the numbers of stacks, each a text of locations.

        Raises ProfileError where that makes too many.
        """
        sites = list(map(self._sites.__getitem__, stacks))
        if len(self._sites) > _MOST_SITES:
            raise ProfileError(f"its profiles have named more than {_MOST_SITES:,} stacks")
        return sites

    def __getitem__(self, site: int) -> Stack:
        stack = self._stacks.get(site)
        if stack is None:
            if site >= len(self._places):
                self._places += islice(self._sites, len(self._places), None)
            parts = [self._frames[ord(character)] for character in self._places[site]]
            stack = self._stacks[site] = tuple(chain.from_iterable(parts))
        return stack

    def __len__(self) -> int:
        return len(self._sites)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._sites)))
