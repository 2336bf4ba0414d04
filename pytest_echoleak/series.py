"""From snapshots to series: how much each stack grew in each round, our own marks taken out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_echoleak.ownership import is_runtime_cache, made_by_measuring, without_runtime
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.snapshots.snapshot import Snapshot

Kind: TypeAlias = Literal["heap", "goroutine"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a stack holds, or by how much that grew: objects (or goroutines), and bytes."""

    count: float
    bytes: float


@dataclass(frozen=True)
class Round:
    """What lies between two snapshots: `iterations` of load, over so many seconds."""

    iterations: int
    before: Snapshot
    after: Snapshot

    @property
    def seconds(self) -> float:
        """From snapshot to snapshot."""
        return self.after.taken_at_seconds - self.before.taken_at_seconds


@dataclass(frozen=True)
class Growth:
    """By how much something grew in each round. `count` is objects, or goroutines."""

    count: tuple[float, ...]
    bytes: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """The growth of every stack that changed, per round, and of the whole process.

    `exact` tells that every allocation was recorded; else `heap` is an estimate from samples, and
    `totals` (from MemStats) is what can be trusted.
    """

    iterations: tuple[int, ...]
    exact: bool
    heap: Mapping[Stack, Growth]
    goroutines: Mapping[Stack, Growth]
    totals: Growth


def make_series(rounds: Iterable[Round], idle: Round | None = None) -> Series:
    """Return what grew in each of `rounds`.

    What grew in the `idle` round, with the same snapshots and no load, is ours or the clock's, and
    is subtracted: per request of ours where it is a whole number per request, else per second.
    """
    rounds = tuple(rounds)
    return Series(
        iterations=tuple(item.iterations for item in rounds),
        exact=all(item.after.heap.exact and item.before.heap.exact for item in rounds),
        heap=_stack_growth(rounds, idle, "heap"),
        goroutines=_stack_growth(rounds, idle, "goroutine"),
        totals=_total_growth(rounds, idle),
    )


def allocated_by_load(rounds: Iterable[Round], idle: Round) -> float:
    """Return how many objects the load made the service allocate, beyond what our reading does."""
    rounds = tuple(rounds)
    per_request = _allocated(idle) / max(_own_requests(idle, "heap"), 1)
    return sum(_allocated(item) - per_request * _own_requests(item, "heap") for item in rounds)


def _allocated(item: Round) -> int:
    if item.after.memstats is not None:
        return item.after.allocated_objects - item.before.allocated_objects
    before = item.before.heap.sites
    return sum(
        usage.alloc_objects - (before[stack].alloc_objects if stack in before else 0)
        for stack, usage in item.after.heap.sites.items()
        if not made_by_measuring(stack)
    )


def _stack_growth(
    rounds: tuple[Round, ...], idle: Round | None, kind: Kind
) -> Mapping[Stack, Growth]:
    read = _Reader(kind)
    changes = [_changes(read(item.before), read(item.after)) for item in rounds]
    resting = _changes(read(idle.before), read(idle.after)) if idle else {}
    stacks = {stack for change in changes for stack in change}
    none = Held(0, 0)
    result = {}
    for stack in stacks:
        grown = [change.get(stack, none) for change in changes]
        if idle is not None and stack in resting:
            own = resting[stack]
            grown = [
                _without_own(held, own, item, idle, kind)
                for held, item in zip(grown, rounds, strict=True)
            ]
        result[stack] = Growth(tuple(h.count for h in grown), tuple(h.bytes for h in grown))
    return result


def _total_growth(rounds: tuple[Round, ...], idle: Round | None) -> Growth:
    def change(item: Round) -> Held:
        return Held(
            item.after.inuse_objects - item.before.inuse_objects,
            item.after.inuse_bytes - item.before.inuse_bytes,
        )

    grown = [change(item) for item in rounds]
    if idle is not None:
        own = change(idle)
        grown = [
            _without_own(held, own, item, idle, "heap")
            for held, item in zip(grown, rounds, strict=True)
        ]
    return Growth(tuple(h.count for h in grown), tuple(h.bytes for h in grown))


class _Reader:
    """Reads what each site of a snapshot holds; each snapshot once."""

    def __init__(self, kind: Kind) -> None:
        self._read: Callable[[Snapshot], dict[Stack, Held]]
        self._read = _heap_sites if kind == "heap" else _goroutine_stacks
        self._seen: dict[int, dict[Stack, Held]] = {}

    def __call__(self, snapshot: Snapshot) -> dict[Stack, Held]:
        if id(snapshot) not in self._seen:
            self._seen[id(snapshot)] = self._read(snapshot)
        return self._seen[id(snapshot)]


def _heap_sites(snapshot: Snapshot) -> dict[Stack, Held]:
    sites: defaultdict[Stack, list[int]] = defaultdict(lambda: [0, 0])
    for stack, usage in snapshot.heap.sites.items():
        if not usage.inuse_objects or is_runtime_cache(stack):
            continue
        site = sites[without_runtime(stack)]
        site[0] += usage.inuse_objects
        site[1] += usage.inuse_bytes
    return {stack: Held(*held) for stack, held in sites.items()}


def _goroutine_stacks(snapshot: Snapshot) -> dict[Stack, Held]:
    stacks: defaultdict[Stack, int] = defaultdict(int)
    for stack, count in snapshot.goroutines.stacks.items():
        if not stack:  # one that was just starting or ending: it has no frame yet, or no more
            continue
        stacks[without_runtime(stack)] += count
    return {stack: Held(count, 0) for stack, count in stacks.items()}


def _changes(before: Mapping[Stack, Held], after: Mapping[Stack, Held]) -> dict[Stack, Held]:
    none = Held(0, 0)
    result = {}
    for stack in before.keys() | after.keys():
        old, new = before.get(stack, none), after.get(stack, none)
        if old != new and not made_by_measuring(stack):
            result[stack] = Held(new.count - old.count, new.bytes - old.bytes)
    return result


def _without_own(held: Held, own: Held, item: Round, idle: Round, kind: Kind) -> Held:
    """Subtract what the idle round shows to be ours or the clock's."""
    if own.count <= 0 and own.bytes <= 0:
        return held
    ours = max(_own_requests(idle, kind), 1)
    requests = _own_requests(item, kind) / ours
    ticks = max(requests, item.seconds / max(idle.seconds, 1e-3))
    expected = max(own.count, 0) * ticks
    left = held.count - expected
    # What the clock adds scatters: within three standard deviations it is all the clock's.
    if left <= 3 * expected**0.5 + 2:
        return Held(min(0.0, left), min(0.0, held.bytes - own.bytes * ticks))
    if own.count > 0 and own.count % ours == 0:
        return Held(held.count - own.count * requests, held.bytes - own.bytes * requests)
    return Held(left, held.bytes - own.bytes * ticks)


def _own_requests(item: Round, kind: Kind) -> int:
    if kind == "heap":
        return item.after.heap_requests - item.before.heap_requests
    return item.after.goroutine_requests - item.before.goroutine_requests
