"""What a check found, as plain data: one form for the terminal, JSON, JUnit and the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

VerdictName = Literal["leak", "clean", "inconclusive", "error"]
FindingKind = Literal["heap", "goroutine"]
Evidence = Literal["exact", "sampled", "unreachable"]


@dataclass(frozen=True)
class Location:
    """A line of Go code. `file` is relative to the module's root where that is known."""

    function: str
    file: str
    line: int


SHARED_BLOCKS = "(shared small blocks)"


@dataclass(frozen=True)
class Expiry:
    """When the entries of a container expire, as a field of theirs says: `field`, "item.expires".

    `soonest_seconds` and `latest_seconds` count from the heap dump on, for all but a few of them;
    what has expired is negative.
    """

    field: str
    soonest_seconds: float
    latest_seconds: float


@dataclass(frozen=True)
class HeldBy:
    """One holder of what a finding counts, as a heap dump tells.

    - `root_kind`: what keeps it alive in the end: "package variable", "goroutine", "timer",
      "finalizer", "runtime" or "nothing" (garbage that no collection took).
    - `path`: from that root to the objects: names, then types and fields.
    - `container`: what all of them hang from ("map", "slice", "list", "channel", ...), "" for none;
      `container_name` is where it is ("main.sessions", "cache.items"), `container_type` its Go
      type, and `container_number` the same for the same one; `container_location`: the user's line
      that enlarged it, None where that is not known.
    - `goroutine`: the entry function of the `goroutines` that hold them, "" for other roots.
    - `objects`: how many it holds, `share` the part of the site's objects that are, 0 to 1;
      `alone`: how many of them nothing else holds.
    - `retained_bytes`: what would be freed with them.
    - `shown_share`: where strings keep them, how much of their bytes these show, 0 to 1.
    - `kept_types`: the Go types of what it keeps, that of the path's end first; empty: not known.
    - `expiry`: when what it keeps expires, None where nothing says so.
    """

    root_kind: str
    path: tuple[str, ...]
    container: str = ""
    container_name: str = ""
    container_type: str = ""
    container_number: int = 0
    container_location: Location | None = None
    goroutine: str = ""
    goroutines: int = 0
    objects: int = 0
    share: float = 1.0
    alone: int = 0
    retained_bytes: int = 0
    shown_share: float = 1.0
    kept_types: tuple[str, ...] = ()
    expiry: Expiry | None = None


@dataclass(frozen=True)
class Finding:
    """One leak: the growth that one place in the user's code is answerable for.

    `stack` goes from the allocation (or the goroutine's entry) to the caller; `location` is its
    nearest frame in the user's own code, or the innermost frame where there is none.
    `stacks` counts the stacks folded into it.

    `state`: what a goroutine waits in, in Go's words ("chan send"), "" where that is not known.
    `cause` is a stable identifier, "other" where nothing known fits; `cause_text` says it in one
    sentence, `fix` what to do about it, and `see` what to read (a command of Go's), each "" where
    nothing is known. `request`: which request of several leaks, and whether once per call or once
    per distinct value; "" where that was not measured.
    `holders`: who keeps it, the largest first, empty where no heap was dumped; `held_by` is the
    path of the largest, and `retained_bytes` what would be freed with what it holds.
    """

    kind: FindingKind
    location: Location
    stack: tuple[Location, ...]
    stacks: int
    objects_per_iteration: float
    bytes_per_iteration: float
    goroutines_per_iteration: float
    objects: int
    bytes: int
    goroutines: int
    evidence: Evidence
    note: str = ""
    cause: str = "other"
    fix: str = ""
    held_by: tuple[str, ...] = ()
    retained_bytes: int | None = None
    state: str = ""
    cause_text: str = ""
    see: str = ""
    request: str = ""
    holders: tuple[HeldBy, ...] = ()

    @property
    def shares_blocks(self) -> bool:
        """Whether it counts blocks that small objects share: its place is no line at all."""
        return self.location.function == SHARED_BLOCKS

    @property
    def rate(self) -> float:
        """How many came per iteration: goroutines where it counts any, else objects."""
        return self.goroutines_per_iteration or self.objects_per_iteration

    @property
    def grew(self) -> bool:
        """Whether there is more than before, of whatever kind."""
        return self.objects > 0 or self.bytes > 0 or self.goroutines > 0


def with_counts_of(finding: Finding, other: Finding) -> Finding:
    """Return `finding` with what `other` counts added to it."""
    return replace(
        finding,
        objects_per_iteration=finding.objects_per_iteration + other.objects_per_iteration,
        bytes_per_iteration=finding.bytes_per_iteration + other.bytes_per_iteration,
        goroutines_per_iteration=finding.goroutines_per_iteration + other.goroutines_per_iteration,
        objects=finding.objects + other.objects,
        bytes=finding.bytes + other.bytes,
        goroutines=finding.goroutines + other.goroutines,
    )


@dataclass(frozen=True)
class Bounds:
    """What a pass excludes: `excluded_rate` leaking iterations per iteration, at `confidence`."""

    excluded_rate: float
    detect: float
    confidence: float = 0.999
    identical_requests: bool = False


@dataclass(frozen=True)
class LeakReport:
    """The outcome of one check; what `assert_no_leak` returns, and `LeakError.report`.

    `iterations` are the measured ones, `round_iterations` how many each round had; `seconds` is the
    duration of the whole check. `reason` is one sentence, or "": why it is inconclusive, or an
    error; why a leak ended the check early; what a clean check accepted. `unused_allows` are those
    that matched nothing. `untouched`: nothing at all stayed, beside what an Allow matches.
    `no_holders`: one sentence, why no holders are named, where a heap dump was tried in vain.
    """

    nodeid: str
    workload: str
    service: str
    verdict: VerdictName
    iterations: int
    warmup: int
    round_iterations: tuple[int, ...]
    seconds: float
    go_version: str
    runtime: str
    findings: tuple[Finding, ...] = ()
    bounds: Bounds | None = None
    reason: str = ""
    artifacts: tuple[str, ...] = ()
    unused_allows: tuple[str, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    untouched: bool = False
    no_holders: str = ""

    @property
    def rounds(self) -> int:
        """How many rounds were measured."""
        return len(self.round_iterations)


@dataclass(frozen=True)
class Progress:
    """How far a check has come: `done` of `total` iterations in `phase`, `seconds` since its start.

    `total` is 0 in a phase whose length nobody knows.
    """

    workload: str
    phase: str
    done: int
    total: int
    seconds: float
