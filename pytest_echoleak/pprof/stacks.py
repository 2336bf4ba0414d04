"""Numbers for stacks, so that the profiles of one service are compared as integers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pytest_echoleak.errors import ProfileError
from pytest_echoleak.pprof.frames import Stack

# No service has as many; a profile that is made up to fill our memory may.
_MOST_SITES = 2_000_000


class StackTable(Mapping[int, Stack]):
    """Gives every stack it meets a number, a site, and tells the stack of a site.

    A profile names a stack by its locations: calls, each with what was inlined into it.
    """

    def __init__(self) -> None:
        self._locations: dict[Stack, int] = {}
        self._frames: list[Stack] = []
        # The numbers of a stack's locations, in four bytes each: hashed and kept for little.
        self._sites: dict[bytes, int] = {}
        self._places: list[bytes] = []
        self._stacks: dict[int, Stack] = {}

    def location(self, frames: Stack) -> int:
        """Return the number of a location, which is the frames inlined into one call."""
        number = self._locations.get(frames)
        if number is None:
            number = self._locations[frames] = len(self._frames)
            self._frames.append(frames)
        return number

    def sites(self, locations: Sequence[int], depths: Iterable[int]) -> list[int]:
        """Return the numbers of stacks: each has so many of `locations`, the innermost first."""
        packed = struct.pack(f"<{len(locations)}i", *locations)
        known, result, start = self._sites, [], 0
        for depth in depths:
            end = start + 4 * depth
            place = packed[start:end]
            start = end
            site = known.get(place)
            if site is None:
                site = self._add(place)
            result.append(site)
        return result

    def _add(self, place: bytes) -> int:
        site = len(self._places)
        if site >= _MOST_SITES:
            raise ProfileError(f"its profiles have named more than {_MOST_SITES:,} stacks")
        self._sites[place] = site
        self._places.append(place)
        return site

    def __getitem__(self, site: int) -> Stack:
        stack = self._stacks.get(site)
        if stack is None:
            numbers = struct.iter_unpack("<i", self._places[site])
            parts = [self._frames[number] for (number,) in numbers]
            stack = self._stacks[site] = tuple(frame for part in parts for frame in part)
        return stack

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._places)))
