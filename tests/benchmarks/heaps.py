"""Heap dumps from 10,000 to 4,000,000 objects: read, typed, and the holders of a site found."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from pytest_echoleak.heap.analysis import Analysis, Question, analyse
from pytest_echoleak.heap.building import analyser_program
from tests.benchmarks.table import Row
from tests.benchmarks.timing import seconds

OBJECTS = (10_000, 100_000, 1_000_000, 4_000_000)
REQUIRED_SECONDS = {1_000_000: 3.0, 4_000_000: 12.0}
REQUIRED_BYTES = {1_000_000: 1 << 30}
_RUNS = 3
_SOURCE = Path(__file__).parent / "dumps"
_SITE = "func newOrder"


def rows() -> Iterator[Row]:
    """Measure each size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        binary = folder / "dumps"
        subprocess.run(["go", "build", "-o", str(binary), "."], cwd=_SOURCE, check=True)
        # Built before the clock runs, as for all analyses but a user's first.
        analyser_program(binary)
        for objects in OBJECTS:
            yield _row(folder, binary, objects)


def _row(folder: Path, binary: Path, objects: int) -> Row:
    dump = folder / "dump"
    environment = {**os.environ, "OBJECTS": str(objects), "DUMP": str(dump)}
    subprocess.run([binary], env=environment, check=True)
    _check(_holders(dump, binary), objects)
    took = sorted(seconds(lambda: _holders(dump, binary)) for _ in range(_RUNS))[_RUNS // 2]
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        used = alone.submit(_largest_child_bytes, dump, binary).result()
    limit, most = REQUIRED_SECONDS.get(objects), REQUIRED_BYTES.get(objects, 1 << 62)
    dump_bytes = dump.stat().st_size
    dump.unlink()
    return Row(
        f"a heap dump of {objects:,} objects ({dump_bytes / 1e6:.0f} MB): types and holders",
        took,
        "",
        None,
        f"{took / objects * 1e6:.1f} µs an object, at most {used / 1e6:,.0f} MB",
        "" if limit is None else f"at most {limit:.0f} s",
        (limit is None or took <= limit) and used <= most,
    )


def _largest_child_bytes(dump: Path, binary: Path) -> int:
    """Analyse a dump in a process that has no other children, and return its largest one's size."""
    _holders(dump, binary)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _holders(dump: Path, binary: Path) -> Analysis:
    lines = (_SOURCE / "main.go").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith(_SITE)) + 1
    question = Question("orders", file=str(_SOURCE / "main.go"), line=line)
    return analyse(dump, binary, questions=[question], histogram=True)


def _check(analysis: Analysis, objects: int) -> None:
    holder = analysis.answers[0].holders[0]
    found = analysis.objects >= objects and holder.objects > 0.2 * objects
    if not found or not holder.root.startswith("main.accounts "):
        raise RuntimeError(f"not what was made: {holder.text}, {holder.objects:,} objects")
