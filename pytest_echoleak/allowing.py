"""How an Allow is held against what grew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.series import Growth, Kind
from pytest_echoleak.tolerance import Allow

# What the compiler adds to a symbol: closures and their numbers, method values, type arguments.
_COMPILED = re.compile(r"(\.func\d+|\.gowrap\d+|\.deferwrap\d+|-fm|-range\d+|\.\d+)+$")
_TYPE_ARGUMENTS = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True)
class Allowance:
    """An Allow of the user's, as it is applied to stacks."""

    allow: Allow

    def matches(self, stack: Stack) -> bool:
        """Tell whether some frame's function matches the glob, as compiled or as written."""
        glob = self.allow.function
        return any(
            frame.function == glob
            or fnmatchcase(frame.function, glob)
            or fnmatchcase(written(frame.function), glob)
            for frame in stack
        )

    def exceeded(self, kind: Kind, growths: Sequence[Growth]) -> str:
        """Return which limit the growth of all matched stacks together passes, "" where none."""
        count = sum(sum(growth.count) for growth in growths)
        size_bytes = sum(sum(growth.bytes) for growth in growths)
        if kind == "goroutine":
            limits = [("at_most_goroutines", self.allow.at_most_goroutines, count)]
        else:
            limits = [
                ("at_most_objects", self.allow.at_most_objects, count),
                ("at_most_bytes", self.allow.at_most_bytes, size_bytes),
            ]
        for name, limit, value in limits:
            if limit is not None and value > limit:
                return (
                    f"Allow({self.allow.function!r}) accepts {name}={limit:,}, but it grew by"
                    f" {value:,.0f}"
                )
        return ""


def written(function: str) -> str:
    """Return a Go symbol as its source names it: without closure numbers and type arguments.

    Symbols depend on inlining, so on Go's version and on the caller.
    """
    plain = function
    while (shorter := _TYPE_ARGUMENTS.sub("", plain)) != plain:
        plain = shorter
    return _COMPILED.sub("", plain)
