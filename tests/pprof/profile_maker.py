"""Makes profiles, well-formed and otherwise, for tests of the decoders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_echoleak.pprof.wire import profile_class

RECORDED = Path(__file__).parent / "recorded"
HEAP_TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")


def recorded(name: str) -> bytes:
    """Return a recorded profile: `go1.26.exact.heap`."""
    return (RECORDED / f"{name}.pb.gz").read_bytes()


class Maker:
    """One profile in the making; `message` may be spoilt before it is serialized."""

    def __init__(self, types: Sequence[str] = HEAP_TYPES, period: int = 1) -> None:
        self.message: Any = profile_class()()
        self.message.string_table.append("")
        self.message.period = period
        for name in types:
            self.message.sample_type.add(type=self.string(name))

    def string(self, text: str) -> int:
        """Return the index of `text` in the string table."""
        table = list(self.message.string_table)
        if text in table:
            return table.index(text)
        self.message.string_table.append(text)
        return len(table)

    def location(self, *frames: tuple[str, str, int]) -> int:
        """Add a location whose inlined frames these are, the innermost first; return its id."""
        location = self.message.location.add(id=len(self.message.location) + 1)
        for name, file, line in frames:
            function = self.message.function.add(
                id=len(self.message.function) + 1,
                name=self.string(name),
                filename=self.string(file),
            )
            location.line.add(function_id=function.id, line=line)
        return int(location.id)

    def sample(self, locations: Sequence[int], values: Sequence[int]) -> Maker:
        """Add a sample."""
        self.message.sample.add(location_id=locations, value=values)
        return self

    def data(self) -> bytes:
        """Return the profile's bytes, not compressed."""
        return bytes(self.message.SerializeToString())
