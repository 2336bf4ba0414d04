"""How an Allow is held against what grew, and against what its holder had before the check.

A cache is filled by several tests of one service: its capacity holds for what all of them put in.
What a snapshot does not tell (what was there before allocations were recorded) is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.profiles import Usage
from pytest_echoleak.series import Growth, Held, Kind
from pytest_echoleak.snapshots.snapshot import Snapshot
from pytest_echoleak.tolerance import Allow

# What the compiler adds to a symbol: closures and their numbers, method values, type arguments.
_COMPILED = re.compile(r"(\.func\d+|\.gowrap\d+|\.deferwrap\d+|-fm|-range\d+|\.\d+)+$")
_TYPE_ARGUMENTS = re.compile(r"\[[^\[\]]*\]")
_NOTHING = Held(0, 0)


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

    def exceeded(self, kind: Kind, growths: Sequence[Growth], before: Held = _NOTHING) -> str:
        """Return which limit all matched stacks together pass, "" where none.

        `before`: what they held when the check began.
        """
        count = sum(sum(growth.count) for growth in growths)
        size_bytes = sum(sum(growth.bytes) for growth in growths)
        if kind == "goroutine":
            limits = [("at_most_goroutines", self.allow.at_most_goroutines, before.count, count)]
        else:
            limits = [
                ("at_most_objects", self.allow.at_most_objects, before.count, count),
                ("at_most_bytes", self.allow.at_most_bytes, before.bytes, size_bytes),
            ]
        for name, limit, held, grown in limits:
            if limit is not None and grown > 0 and held + grown > limit:
                had = f" and holds {held + grown:,.0f} now" if held else ""
                return (
                    f"Allow({self.allow.function!r}) accepts {name}={limit:,}, but it grew by"
                    f" {grown:,.0f}{had}"
                )
        return ""

    @property
    def limited(self) -> bool:
        """Whether there is any limit to what is accepted."""
        allow = self.allow
        limits = (allow.at_most_objects, allow.at_most_bytes, allow.at_most_goroutines)
        return any(limit is not None for limit in limits)


def held_before(
    first: Snapshot, allowances: Sequence[Allowance]
) -> dict[tuple[Allowance, Kind], Held]:
    """Return what the stacks that each limited allowance matches hold in the `first` snapshot.

    Nothing where the snapshot is an estimate from samples.
    """
    limited = [one for one in allowances if one.limited]
    found: dict[tuple[Allowance, Kind], Held] = {}
    if not limited or not first.exact:
        return found
    kinds: tuple[tuple[Kind, Usage], ...] = (
        ("heap", first.heap),
        ("goroutine", Usage.of_goroutines(first.goroutines)),
    )
    for kind, usage in kinds:
        for site, count in usage.objects.items():
            stack = first.stacks.get(site, ())
            # As fold_series does: the first that matches answers for a stack.
            one = next((one for one in allowances if one.matches(stack)), None)
            if one is not None and one.limited:
                old = found.get((one, kind), _NOTHING)
                found[one, kind] = Held(old.count + count, old.bytes + usage.bytes.get(site, 0))
    return found


def written(function: str) -> str:
    """Return a Go symbol as its source names it: without closure numbers and type arguments.

    Symbols depend on inlining, so on Go's version and on the caller.
    """
    plain = function
    while (shorter := _TYPE_ARGUMENTS.sub("", plain)) != plain:
        plain = shorter
    return _COMPILED.sub("", plain)
