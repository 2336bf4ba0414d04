"""Numbers for stacks, so that the profiles of one service are compared as integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
        self._sites: dict[tuple[int, ...], int] = {}
        self._places: list[tuple[int, ...]] = []
        self._stacks: dict[int, Stack] = {}

    def location(self, frames: Stack) -> int:
        """Return the number of a location, which is the frames inlined into one call."""
        number = self._locations.setdefault(frames, len(self._frames))
        if number == len(self._frames):
            self._frames.append(frames)
        return number

    def site(self, locations: tuple[int, ...]) -> int:
        """Return the number of the stack that is made of these locations, the innermost first."""
        number = self._sites.setdefault(locations, len(self._places))
        if number == len(self._places):
            if number >= _MOST_SITES:
                raise ProfileError(f"its profiles have named more than {_MOST_SITES:,} stacks")
            self._places.append(locations)
        return number

    def __getitem__(self, site: int) -> Stack:
        stack = self._stacks.get(site)
        if stack is None:
            parts = [self._frames[number] for number in self._places[site]]
            stack = self._stacks[site] = tuple(frame for part in parts for frame in part)
        return stack

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._places)))
