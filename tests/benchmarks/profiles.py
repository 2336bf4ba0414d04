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
from pytest_echoleak.snapshots.snapshot import Snapshot, Usage
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
    snapshots = [_snapshot(data, stacks) for data in (before, after)]
    return len(Round(1, *snapshots).changes("heap"))


def _snapshot(data: bytes, stacks: StackTable) -> Snapshot:
    heap = decode_heap(data, stacks)
    usage = {site: Usage(one.inuse_objects, one.inuse_bytes) for site, one in heap.usage.items()}
    return Snapshot(
        taken_at_seconds=0.0,
        exact=heap.exact,
        heap=usage,
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

    The first `grown` of them hold one object more. Two profiles of the same size have the same
    stacks.
    """
    chance = random.Random(samples)
    message: Any = profile_class()()
    strings: dict[str, int] = {}

    def string(text: str) -> int:
        return strings.setdefault(text, len(strings))

    string("")
    for name, unit in _TYPES:
        message.sample_type.add(type=string(name), unit=string(unit))
    message.period_type.type, message.period_type.unit = string("space"), string("bytes")
    message.period = 1
    functions = max(samples // 8, 500)
    for number in range(1, functions + 1):
        package = f"example.com/shop/internal/part{number % 97}"
        message.function.add(
            id=number,
            name=string(f"{package}.(*Service{number % 13}).Handle{number}"),
            filename=string(f"{package}/file{number % 29}.go"),
        )
        location = message.location.add(id=number, address=0x400000 + 64 * number)
        location.line.add(function_id=number, line=number % 800 + 1)
    for number in range(samples):
        depth = chance.randint(15, 30)
        stack = [chance.randint(1, functions) for _ in range(depth)]
        held = number % 7 + (number < grown)
        size = 16 * (1 + number % 40)
        message.sample.add(
            location_id=stack, value=[held + 50, size * (held + 50), held, size * held]
        )
    message.string_table.extend(strings)
    return gzip.compress(message.SerializeToString(), 6)
