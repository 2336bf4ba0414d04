"""The MemStats trailer of `/debug/pprof/heap?debug=1`: totals of the process, exact at any rate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_echoleak.errors import ProfileError

_LINE = re.compile(r"^# (\w+) = (-?\d+)", re.MULTILINE)
_TRAILER = "# runtime.MemStats"


@dataclass(frozen=True)
class MemStats:
    """What of runtime.MemStats tells a leak. Read before the handler's own allocations.

    `heap_alloc_bytes` and `heap_objects` are what the last GC left and what came since; `mallocs`
    and `num_gc` only ever grow in one process.
    """

    heap_alloc_bytes: int
    heap_objects: int
    mallocs: int
    num_gc: int


def parse_memstats(text: str) -> MemStats:
    """Read the trailer at the end of a heap profile's text form. Raises ProfileError."""
    start = text.rfind(_TRAILER)
    if start < 0:
        raise ProfileError("the heap profile's text form has no runtime.MemStats at its end")
    values = {name: int(number) for name, number in _LINE.findall(text[start:])}
    try:
        mallocs, frees = values["Mallocs"], values["Frees"]
        return MemStats(
            heap_alloc_bytes=values["HeapAlloc"],
            heap_objects=values.get("HeapObjects", mallocs - frees),
            mallocs=mallocs,
            num_gc=values["NumGC"],
        )
    except KeyError as cause:
        raise ProfileError(f"the heap profile's MemStats lack {cause}") from cause
