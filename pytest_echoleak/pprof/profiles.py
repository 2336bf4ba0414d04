"""Heap and goroutine profiles: from gzipped protobuf to numbers per stack."""

from __future__ import annotations

import re
import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError

from pytest_echoleak.errors import ProfileError
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.samples import Samples, read_samples
from pytest_echoleak.pprof.stacks import END_OF_STACK, StackTable
from pytest_echoleak.pprof.wire import undecoded_profile_class
from pytest_echoleak.text import printable_line
from pytest_echoleak.transport import TransportError, gunzip

# Hundreds of thousands of stacks. Decoding a hostile profile takes forty times its bytes at most.
UNPACKED_LIMIT_BYTES = 64 << 20
_DEEPEST = 1_000  # Go's stacks have 128 at most
_LONGEST_SAMPLE_BYTES = 64_000
_UTF_32 = f"utf-32-{sys.byteorder[0]}e"

_Namer: TypeAlias = Callable[[Sequence[int]], str]
"""Makes a text of location ids: the stacks, each location by its character."""


@dataclass(frozen=True)
class Usage:
    """What each allocation site holds: live objects, and the bytes in them.

    Two tables of numbers, where one of pairs would keep Python's garbage collector busy.
    """

    objects: Mapping[int, int]
    bytes: Mapping[int, int]

    @staticmethod
    def of_goroutines(counts: Mapping[int, int]) -> Usage:
        """Return goroutines by site as if they were objects, of which no bytes are known."""
        return Usage(counts, {})


@dataclass(frozen=True)
class HeapProfile:
    """A heap profile. `period_bytes` is the sampling rate in force: 1 means every object.

    A site is a stack, by its number in `stacks`: records that differ in object size or pprof labels
    alone are added up. `allocated_objects` is how many each ever allocated.
    """

    period_bytes: int
    usage: Usage
    allocated_objects: Mapping[int, int]
    stacks: StackTable

    @property
    def exact(self) -> bool:
        """Whether every allocation was recorded."""
        return self.period_bytes == 1


@dataclass(frozen=True)
class GoroutineProfile:
    """Goroutines per stack, by its number in `stacks`."""

    counts: Mapping[int, int]
    stacks: StackTable

    @property
    def count(self) -> int:
        """Goroutines in all."""
        return sum(self.counts.values())


def decode_heap(data: bytes, stacks: StackTable | None = None) -> HeapProfile:
    """Decode `/debug/pprof/heap`. Raises ProfileError for whatever is not a heap profile.

    Profiles that are to be compared are decoded with the same `stacks`.
    """
    profile = _Decoder(data, "heap profile", stacks)
    objects, size_bytes, allocated = (
        profile.sums(column)
        for column in profile.columns(("inuse_objects", "inuse_space", "alloc_objects"))
    )
    return HeapProfile(profile.period, Usage(objects, size_bytes), allocated, profile.stacks)


def decode_goroutines(data: bytes, stacks: StackTable | None = None) -> GoroutineProfile:
    """Decode `/debug/pprof/goroutine`. Raises ProfileError for whatever is not one."""
    return _goroutines(_Decoder(data, "goroutine profile", stacks), "goroutine")


def decode_leaked_goroutines(data: bytes, stacks: StackTable | None = None) -> GoroutineProfile:
    """Decode `/debug/pprof/goroutineleak`: those that the collector proves unreachable.

    Raises ProfileError for whatever is not one.
    """
    return _goroutines(_Decoder(data, "goroutineleak profile", stacks), "goroutineleak")


def by_stack(profile: GoroutineProfile) -> dict[Stack, int]:
    """Return the counts by stack."""
    counts: defaultdict[Stack, int] = defaultdict(int)
    for site, count in profile.counts.items():
        counts[profile.stacks[site]] += count
    return dict(counts)


def _goroutines(profile: _Decoder, name: str) -> GoroutineProfile:
    (column,) = profile.columns((name,))
    return GoroutineProfile(profile.sums(column), profile.stacks)


class _Decoder:
    """One profile, its tables resolved once; every reference checked, since it may be hostile."""

    def __init__(self, data: bytes, what: str, stacks: StackTable | None) -> None:
        self.stacks = StackTable() if stacks is None else stacks
        self._what = what
        self._message = self._parse(data)
        self._strings: list[str] = list(self._message.string_table)
        if not self._strings:
            raise ProfileError(f"the {what} has no string table: it is no profile, or damaged")
        self.period = int(self._message.period)
        self._width = len(self._message.sample_type)
        self._sites, self._values = self._samples()

    def columns(self, wanted: tuple[str, ...]) -> tuple[int, ...]:
        """Return where in each sample's values the `wanted` ones stand."""
        names = [self._string(kind.type) for kind in self._message.sample_type]
        if missing := [name for name in wanted if name not in names]:
            found = printable_line(", ".join(names)) or "nothing"
            raise ProfileError(
                f"not a {self._what}: it counts {found}, but not {', '.join(missing)}; is the pprof"
                " path right?"
            )
        return tuple(names.index(name) for name in wanted)

    def sums(self, column: int) -> dict[int, int]:
        """Return the values in this column, added up by site."""
        values = self._values[column :: self._width]
        sums = dict(zip(self._sites, values, strict=True))
        if len(sums) < len(self._sites):
            repeated = self._repeated
            sums.update(dict.fromkeys(repeated, 0))
            for site, value in zip(self._sites, values, strict=True):
                if site in repeated:
                    sums[site] += value
        return sums

    @cached_property
    def _repeated(self) -> frozenset[int]:
        """The sites of more than one sample."""
        return frozenset(site for site, times in Counter(self._sites).items() if times > 1)

    def _parse(self, data: bytes) -> Any:
        if data[:2] == b"\x1f\x8b":
            try:
                data = gunzip(data, UNPACKED_LIMIT_BYTES)
            except TransportError as cause:
                raise ProfileError(f"the {self._what} is {cause}") from cause
        if not data:
            raise ProfileError(f"the {self._what} is empty")
        if len(data) > UNPACKED_LIMIT_BYTES:
            text = f"the {self._what} is longer than {UNPACKED_LIMIT_BYTES} bytes"
            raise ProfileError(text)
        message = undecoded_profile_class()()
        try:
            message.ParseFromString(data)
        except (DecodeError, UnicodeDecodeError) as cause:
            start = printable_line(data[:60].decode("utf-8", "replace"))
            raise ProfileError(
                f"this is not a {self._what}: {len(data)} bytes that begin with {start!r}"
            ) from cause
        return message

    def _samples(self) -> tuple[list[int], Sequence[int]]:
        """Return the site of each sample, and the values of all, one sample behind the other."""
        as_text = _namer(self._locations())
        sites: list[int] = []
        values: list[int] = []
        try:
            encoded = self._message.sample[:]
            if len(max(encoded, key=len, default=b"")) > _LONGEST_SAMPLE_BYTES:
                raise self._damaged(f"a sample has more than {_LONGEST_SAMPLE_BYTES:,} bytes")
            for samples in read_samples(encoded):
                sites += self._sites_of(samples, as_text)
                values += samples.values
        except DecodeError as cause:
            raise self._damaged("a sample's lists cannot be read") from cause
        except LookupError as cause:
            raise self._damaged("a sample has a location that is not in it") from cause
        return sites, values

    def _sites_of(self, samples: Samples, as_text: _Namer) -> list[int]:
        # The total alone: samples of unequal numbers of values would be no profile of Go's.
        if len(samples.values) != self._width * samples.count:
            raise self._damaged(f"its samples do not have {self._width} values each")
        if not samples.location_ids:
            raise self._damaged("a sample's last list goes on behind its end")
        *places, _ = as_text(samples.location_ids).split(END_OF_STACK)
        if len(places) != samples.count:
            raise self._damaged("a sample has a location 0")
        if len(max(places, key=len)) > _DEEPEST:
            raise self._damaged(f"a stack has more than {_DEEPEST:,} calls")
        return self.stacks.sites(places)

    def _locations(self) -> dict[int, str]:
        """Return the character of each location, by its id in this profile."""
        functions = {
            function.id: (self._string(function.name), self._string(function.filename))
            for function in self._message.function
        }
        characters: dict[int, str] = {0: END_OF_STACK}
        for location in self._message.location:
            lines = location.line
            if len(lines) > _DEEPEST:
                raise self._damaged(f"more than {_DEEPEST:,} calls are inlined into one")
            try:
                calls = tuple([functions[line.function_id] + (line.line,) for line in lines])
            except KeyError as cause:
                raise self._damaged(f"function {cause} is not in it") from cause
            calls = calls or ((f"0x{location.address:x}", "", 0),)
            characters[location.id] = self.stacks.location(calls)
        return characters

    def _string(self, index: int) -> str:
        if not 0 <= index < len(self._strings):
            raise self._damaged(f"string {index} of {len(self._strings)} is not in its table")
        return self._strings[index]

    def _damaged(self, why: str) -> ProfileError:
        return ProfileError(f"the {self._what} is damaged: {why}")


def _namer(characters: Mapping[int, str]) -> _Namer:
    """Return what makes a text of location ids."""
    # Go's ids are 1, 2, 3 and so on.
    dense = list(characters) == list(range(len(characters)))
    if dense and list(characters) == list(map(ord, characters.values())):
        # The first profile of a table, and whichever has the same locations in the same order.
        unknown = re.compile(rf"[^\0-\U{len(characters) - 1:08x}]")
        return partial(_same_numbers, unknown)
    # A list is faster.
    return partial(_renamed, list(characters.values()) if dense else characters)


def _same_numbers(unknown: re.Pattern[str], location_ids: Sequence[int]) -> str:
    try:
        text = array("I", location_ids).tobytes().decode(_UTF_32, "surrogatepass")
    except (OverflowError, UnicodeDecodeError) as cause:
        raise LookupError from cause
    if unknown.search(text):
        raise LookupError
    return text


def _renamed(characters: Mapping[int, str] | Sequence[str], location_ids: Sequence[int]) -> str:
    return "".join(itemgetter(*location_ids)(characters))
