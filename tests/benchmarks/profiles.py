"""Decoding and subtracting two heap profiles, beside `go tool pprof`."""

from __future__ import annotations

import gzip
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_echoleak.pprof.profiles import decode_heap
from pytest_echoleak.pprof.stacks import StackTable
from pytest_echoleak.pprof.wire import profile_class
from pytest_echoleak.series import Round
from pytest_echoleak.snapshots.snapshot import Snapshot
from tests.benchmarks.table import Row
from tests.benchmarks.timing import alternating, median, median_ratio, seconds

SAMPLES = (2_000, 20_000, 100_000)
REQUIRED_AT = 20_000
REQUIRED_RATIO = 8
_TYPES = (
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
)


def rows() -> Iterator[Row]:
    """Measure each size."""
    for samples in SAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder, "before.pb.gz"), Path(folder, "after.pb.gz")
            before.write_bytes(make_profile(samples, grown=0))
            after.write_bytes(make_profile(samples, grown=samples // 100))
            yield _row(samples, before, after)


def _row(samples: int, before: Path, after: Path) -> Row:
    def ours() -> float:
        return seconds(lambda: subtract(before.read_bytes(), after.read_bytes()))

    def pprof() -> float:
        command = ["go", "tool", "pprof", "-top", "-diff_base", str(before), str(after)]
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

    changed = subtract(before.read_bytes(), after.read_bytes())
    if changed != samples // 100:
        raise RuntimeError(f"{changed} stacks changed of {samples}: not what was made")
    results = alternating(3 if samples > REQUIRED_AT else 5, ours, pprof)
    faster = 1 / median_ratio(results)
    required = samples == REQUIRED_AT
    return Row(
        f"two heap profiles of {samples:,} samples, decoded and subtracted",
        median(results, 0),
        "`go tool pprof -top -diff_base`",
        median(results, 1),
        f"{faster:.0f} times as fast",
        f"at least {REQUIRED_RATIO} times" if required else "",
        faster >= REQUIRED_RATIO or not required,
    )


def subtract(before: bytes, after: bytes) -> int:
    """Return how many stacks changed between two profiles, found as a check finds them."""
    stacks = StackTable()
    first, last = _snapshot(before, stacks), _snapshot(after, stacks)
    return len(Round(1, first, last).changes("heap"))


def _snapshot(data: bytes, stacks: StackTable) -> Snapshot:
    heap = decode_heap(data, stacks)
    return Snapshot(
        taken_at_seconds=0.0,
        exact=heap.exact,
        heap=heap.usage,
        goroutines={},
        stacks=heap.stacks,
        inuse_objects=0,
        inuse_bytes=0,
        allocated_objects=0,
        goroutine_count=0,
        heap_requests=0,
        goroutine_requests=0,
        identity="",
        at_rest=True,
    )


def make_profile(samples: int, grown: int) -> bytes:
    """Return a profile of as many stacks, 15 to 30 frames deep, as a large service has.

    Half of the `grown` ones hold one object more, half are new. As Go has it, new ones stand in
    front, and locations are numbered as they are met: other numbers than in a profile without.
    """
    chance = random.Random(samples)
    functions = max(samples // 8, 500)
    stacks = [
        tuple(chance.randint(1, functions) for _ in range(chance.randint(15, 30)))
        for _ in range(samples)
    ]
    made = _Made()
    new = grown // 2
    for number, stack in enumerate(stacks[:new]):
        made.add((*reversed(stack), functions), number % 7 + 1, number)
    for number, stack in enumerate(stacks):
        made.add(stack, number % 7 + (number < grown - new), number)
    return made.packed()


class _Made:
    """A profile in the making."""

    def __init__(self) -> None:
        self._message: Any = profile_class()()
        self._strings: dict[str, int] = {"": 0}
        self._locations: dict[int, int] = {}
        for name, unit in _TYPES:
            self._message.sample_type.add(type=self._string(name), unit=self._string(unit))
        self._message.period_type.type = self._string("space")
        self._message.period_type.unit = self._string("bytes")
        self._message.period = 1

    def add(self, stack: tuple[int, ...], held: int, number: int) -> None:
        """Add a stack of functions that holds so many objects."""
        size = 16 * (1 + number % 40)
        made = held + 50
        self._message.sample.add(
            location_id=[self._location(function) for function in stack],
            value=[made, size * made, held, size * held],
        )

    def packed(self) -> bytes:
        """Return the whole profile, as Go serves it."""
        self._message.string_table.extend(self._strings)
        return gzip.compress(self._message.SerializeToString(), 6)

    def _location(self, function: int) -> int:
        known = self._locations.get(function)
        if known is not None:
            return known
        number = self._locations[function] = len(self._locations) + 1
        package = f"example.com/shop/internal/part{function % 97}"
        self._message.function.add(
            id=number,
            name=self._string(f"{package}.(*Service{function % 13}).Handle{function}"),
            filename=self._string(f"{package}/file{function % 29}.go"),
        )
        location = self._message.location.add(id=number, address=0x400000 + 64 * function)
        location.line.add(function_id=number, line=function % 800 + 1)
        return number

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))
