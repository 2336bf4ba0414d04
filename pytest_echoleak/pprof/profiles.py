"""Heap and goroutine profiles: from gzipped protobuf to numbers per stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from pytest_echoleak.errors import ProfileError
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.pprof.wire import profile_class
from pytest_echoleak.text import printable_line
from pytest_echoleak.transport import TransportError, gunzip

# Hundreds of thousands of stacks. Decoding a hostile profile takes twenty times its bytes.
UNPACKED_LIMIT_BYTES = 64 << 20


class SiteUsage(NamedTuple):
    """What one allocation site holds (`inuse`), and has ever allocated (`alloc`)."""

    inuse_objects: int
    inuse_bytes: int
    alloc_objects: int
    alloc_bytes: int


@dataclass(frozen=True)
class HeapProfile:
    """A heap profile. `period_bytes` is the sampling rate in force: 1 means every object.

    A site is a stack: records that differ in object size or pprof labels alone are added up.
    """

    period_bytes: int
    sites: Mapping[Stack, SiteUsage]

    @property
    def exact(self) -> bool:
        """Whether every allocation was recorded."""
        return self.period_bytes == 1


@dataclass(frozen=True)
class GoroutineProfile:
    """Goroutines per stack."""

    stacks: Mapping[Stack, int]

    @property
    def count(self) -> int:
        """Goroutines in all."""
        return sum(self.stacks.values())


def decode_heap(data: bytes) -> HeapProfile:
    """Decode `/debug/pprof/heap`. Raises ProfileError for whatever is not a heap profile."""
    profile = _Decoder(data, "heap profile")
    wanted = ("inuse_objects", "inuse_space", "alloc_objects", "alloc_space")
    columns = profile.columns(wanted)
    sums: defaultdict[Stack, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for stack, values in profile.samples():
        site = sums[stack]
        for place, column in enumerate(columns):
            site[place] += values[column]
    return HeapProfile(profile.period, {stack: SiteUsage(*site) for stack, site in sums.items()})


def decode_goroutines(data: bytes) -> GoroutineProfile:
    """Decode `/debug/pprof/goroutine`. Raises ProfileError for whatever is not one."""
    profile = _Decoder(data, "goroutine profile")
    (column,) = profile.columns(("goroutine",))
    counts: defaultdict[Stack, int] = defaultdict(int)
    for stack, values in profile.samples():
        counts[stack] += values[column]
    return GoroutineProfile(dict(counts))


class _Decoder:
    """One profile, its tables resolved once; every reference checked, since it may be hostile."""

    def __init__(self, data: bytes, what: str) -> None:
        self._what = what
        self._message = self._parse(data)
        self._strings: list[str] = list(self._message.string_table)
        if not self._strings:
            raise ProfileError(f"the {what} has no string table: it is no profile, or damaged")
        self._frames = self._locations()
        self.period = int(self._message.period)

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

    def samples(self) -> list[tuple[Stack, list[int]]]:
        """Return each sample's stack and values."""
        width = len(self._message.sample_type)
        frames = self._frames
        result = []
        for sample in self._message.sample:
            values = list(sample.value)
            if len(values) != width:
                raise self._damaged(f"a sample has {len(values)} values, not {width}")
            try:
                parts = [frames[location] for location in sample.location_id]
            except KeyError as cause:
                raise self._damaged(f"location {cause} is not in it") from cause
            result.append((tuple(frame for part in parts for frame in part), values))
        return result

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
        message = profile_class()()
        try:
            message.ParseFromString(data)
        except (DecodeError, UnicodeDecodeError) as cause:
            start = printable_line(data[:60].decode("utf-8", "replace"))
            raise ProfileError(
                f"this is not a {self._what}: {len(data)} bytes that begin with {start!r}"
            ) from cause
        return message

    def _locations(self) -> dict[int, Stack]:
        functions = {
            function.id: (self._string(function.name), self._string(function.filename))
            for function in self._message.function
        }
        frames: dict[int, Stack] = {}
        for location in self._message.location:
            lines = [(line.function_id, int(line.line)) for line in location.line]
            if not lines:
                frames[location.id] = (Frame(f"0x{location.address:x}", "", 0),)
                continue
            try:
                frames[location.id] = tuple(Frame(*functions[key], line) for key, line in lines)
            except KeyError as cause:
                raise self._damaged(f"function {cause} is not in it") from cause
        return frames

    def _string(self, index: int) -> str:
        if not 0 <= index < len(self._strings):
            raise self._damaged(f"string {index} of {len(self._strings)} is not in its table")
        return self._strings[index]

    def _damaged(self, why: str) -> ProfileError:
        return ProfileError(f"the {self._what} is damaged: {why}")
