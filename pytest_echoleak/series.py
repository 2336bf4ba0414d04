"""From snapshots to series: how much each stack grew in each round, our own marks taken out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias

from pytest_echoleak.ownership import (
    is_room_for_timers,
    is_runtime_cache,
    made_by_measuring,
    without_runtime,
)
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.profiles import Usage
from pytest_echoleak.snapshots.snapshot import Snapshot

# So many objects by the clock are no chance.
_SURELY_BY_CLOCK = 50
# What sleeps between steps of its own sleeps longer on an idle machine: up to three times.
_CLOCK_SHARE = 0.3
# An agent tells 32 frames of a goroutine, the innermost being the runtime's.
_COMPARED_FRAMES = 24

Kind: TypeAlias = Literal["heap", "goroutine"]
Inner: TypeAlias = tuple[str, ...]
"""The runtime's own functions at the inner end of a stack: how it allocated, in what it waits."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a stack holds, or by how much that grew: objects (or goroutines), and bytes."""

    count: float
    bytes: float


@dataclass(frozen=True)
class Round:
    """What lies between two snapshots: `iterations` of load, over so many seconds.

    `slow`: it was made to be slower than others, to see whether as much grows.
    """

    iterations: int
    before: Snapshot
    after: Snapshot
    slow: bool = False

    @property
    def seconds(self) -> float:
        """From snapshot to snapshot."""
        return self.after.taken_at_seconds - self.before.taken_at_seconds

    @property
    def allocated_objects(self) -> int:
        """How many objects were allocated in it, without what our reading allocates."""
        return self.after.allocated_objects - self.before.allocated_objects

    def changes(self, kind: Kind) -> Mapping[Stack, Held]:
        """Return by how much each stack changed from snapshot to snapshot."""
        return self._heap_changes if kind == "heap" else self._goroutine_changes

    def inner_changes(self, kind: Kind) -> Mapping[Stack, Mapping[Inner, Held]]:
        """Return the same changes, told apart by the runtime's frames that a stack is without.

        Heap profiles that pprof serves have no such frames: there all is one. The room for timers
        is among them, though no change counts it: it tells who waits for a timer.
        """
        if kind == "heap":
            before, after = self.before.heap, self.after.heap
        else:
            before, after = (
                Usage.of_goroutines(self.before.goroutines),
                Usage.of_goroutines(self.after.goroutines),
            )
        left_out = is_runtime_cache if kind == "heap" else _is_starting
        sums: defaultdict[Stack, dict[Inner, Held]] = defaultdict(dict)
        for stack, change in _site_changes(before, after, self.after.stacks, left_out):
            outer = without_runtime(stack)
            inner = tuple(frame.function for frame in stack[: len(stack) - len(outer)])
            known = sums[outer].get(inner, Held(0, 0))
            sums[outer][inner] = Held(known.count + change.count, known.bytes + change.bytes)
        return sums

    def stacks(self) -> Iterator[Stack]:
        """Yield the stacks that changed, and those of all goroutines at the end."""
        yield from self._heap_changes
        yield from self._goroutine_changes
        yield from (self.after.stacks[site] for site in self.after.goroutines)

    @cached_property
    def _heap_changes(self) -> Mapping[Stack, Held]:
        stacks = self.after.stacks
        return _changes(self.before.heap, self.after.heap, stacks, _is_gos_own)

    @cached_property
    def _goroutine_changes(self) -> Mapping[Stack, Held]:
        before, after = (
            Usage.of_goroutines(self.before.goroutines),
            Usage.of_goroutines(self.after.goroutines),
        )
        return _changes(before, after, self.after.stacks, _is_starting)


@dataclass(frozen=True)
class Growth:
    """By how much something grew in each round. `count` is objects, or goroutines."""

    count: tuple[float, ...]
    bytes: tuple[float, ...]

    @staticmethod
    def total(growths: Iterable[Growth], rounds: int) -> Growth:
        """Return by how much all of them together grew in each of so many rounds."""
        growths = tuple(growths)
        return Growth(
            tuple(sum(one.count[k] for one in growths) for k in range(rounds)),
            tuple(sum(one.bytes[k] for one in growths) for k in range(rounds)),
        )


@dataclass(frozen=True)
class Series:
    """The growth of every stack that changed, per round, and of the whole process.

    `exact` tells that every allocation was recorded; else `heap` is an estimate from samples, and
    `totals` (from MemStats) is what can be trusted. `unreachable`: of the goroutines that came, how
    many at each stack the collector proves that nothing can ever wake. `seconds` is how long each
    round took, `slow` whether it was made to be slower than the others: () where that is not known.
    """

    iterations: tuple[int, ...]
    exact: bool
    heap: Mapping[Stack, Growth]
    goroutines: Mapping[Stack, Growth]
    totals: Growth
    unreachable: Mapping[Stack, int] = field(default_factory=dict)
    seconds: tuple[float, ...] = ()
    slow: tuple[bool, ...] = ()


def make_series(
    rounds: Iterable[Round],
    idle: Round | None = None,
    unreachable: Mapping[Stack, int] | None = None,
) -> Series:
    """Return what grew in each of `rounds`.

    What grew in the `idle` round, with the same snapshots and no load, is ours or the clock's, and
    is subtracted: per request of ours where it is a whole number per request, else per second. A
    stack that surely grows by the clock, at a third of its rate under load or more, is all its.
    What went in an idle round, this or an earlier one, is taken from the round behind it: what
    requests put there must grow beyond what it was when the load paused, or it only comes and goes
    by the clock.
    `unreachable` are all goroutines that were proved so after the last round.
    """
    rounds = tuple(rounds)
    return Series(
        iterations=tuple(item.iterations for item in rounds),
        exact=all(item.after.exact and item.before.exact for item in rounds),
        heap=_stack_growth(rounds, idle, "heap"),
        goroutines=_stack_growth(rounds, idle, "goroutine"),
        totals=_total_growth(rounds, idle),
        unreachable=_came_unreachable(rounds, unreachable or {}),
        seconds=tuple(item.seconds for item in rounds),
        slow=tuple(item.slow for item in rounds),
    )


def allocated_by_load(rounds: Iterable[Round], idle: Round) -> float:
    """Return how many objects the load made the service allocate, beyond what our reading does."""
    rounds = tuple(rounds)
    resting = _own_requests(idle, "heap")
    per_request = idle.allocated_objects / max(resting, 1)
    # An agent is sent no requests that the service sees, but each of its snapshots costs the same.
    return sum(
        item.allocated_objects - per_request * (_own_requests(item, "heap") if resting else 1)
        for item in rounds
    )


def _stack_growth(
    rounds: tuple[Round, ...], idle: Round | None, kind: Kind
) -> Mapping[Stack, Growth]:
    changes = [item.changes(kind) for item in rounds]
    pauses = [pause.changes(kind) if pause else {} for pause in _pauses(rounds)]
    resting = idle.changes(kind) if idle else {}
    none = Held(0, 0)
    result = {}
    for stack in {stack for change in changes for stack in change}:
        grown = [
            _without_what_went(change.get(stack, none), pause.get(stack, none))
            for change, pause in zip(changes, pauses, strict=True)
        ]
        if idle is not None and stack in resting:
            own = resting[stack]
            grown = [
                _without_own(held, own, item, idle, kind)
                for held, item in zip(grown, rounds, strict=True)
            ]
        result[stack] = Growth(tuple(h.count for h in grown), tuple(h.bytes for h in grown))
    return result


def _pauses(rounds: tuple[Round, ...]) -> list[Round | None]:
    """Return for each round the idle one before it, None where it followed another at once."""
    found: list[Round | None] = [None]
    for one, other in pairwise(rounds):
        idled = one.after is not other.before
        found.append(Round(0, one.after, other.before) if idled else None)
    return found


def _without_what_went(held: Held, pause: Held) -> Held:
    if pause.count > 0 or pause.bytes > 0:
        return held
    return Held(held.count + pause.count, held.bytes + pause.bytes)


def _came_unreachable(
    rounds: tuple[Round, ...], unreachable: Mapping[Stack, int]
) -> dict[Stack, int]:
    """Return how many of the goroutines that came in the rounds are unreachable, at the least.

    Some may have been so before: what is not proved is taken for what came.
    """
    if not unreachable:
        return {}
    dead: defaultdict[Stack, int] = defaultdict(int)
    for stack, count in unreachable.items():
        dead[_start(stack)] += count
    came: defaultdict[Stack, float] = defaultdict(float)
    for item in rounds:
        for stack, held in item.changes("goroutine").items():
            came[stack] += held.count
    last = rounds[-1].after
    unproved: defaultdict[Stack, int] = defaultdict(int)
    for site, count in last.goroutines.items():
        unproved[_start(last.stacks[site])] += count
    for start, count in dead.items():
        unproved[start] = max(unproved[start] - count, 0)
    proved = {stack: int(grown - unproved[_start(stack)]) for stack, grown in came.items()}
    return {stack: count for stack, count in proved.items() if count > 0}


def _start(stack: Stack) -> Stack:
    """Return so much of a stack as both the proof and a snapshot have of it."""
    return without_runtime(stack)[:_COMPARED_FRAMES]


def _total_growth(rounds: tuple[Round, ...], idle: Round | None) -> Growth:
    def change(item: Round) -> Held:
        return Held(
            item.after.inuse_objects - item.before.inuse_objects,
            item.after.inuse_bytes - item.before.inuse_bytes,
        )

    grown = [
        _without_what_went(change(item), change(pause) if pause else Held(0, 0))
        for item, pause in zip(rounds, _pauses(rounds), strict=True)
    ]
    if idle is not None:
        own = change(idle)
        grown = [
            _without_own(held, own, item, idle, "totals")
            for held, item in zip(grown, rounds, strict=True)
        ]
    return Growth(tuple(h.count for h in grown), tuple(h.bytes for h in grown))


def _changes(
    before: Usage,
    after: Usage,
    stacks: Mapping[int, Stack],
    left_out: Callable[[Stack], bool],
) -> dict[Stack, Held]:
    """Return by how much each stack's usage changed; without our own, and those to be left out."""
    sums: defaultdict[Stack, list[float]] = defaultdict(lambda: [0, 0])
    for stack, change in _site_changes(before, after, stacks, left_out):
        total = sums[without_runtime(stack)]
        total[0] += change.count
        total[1] += change.bytes
    return {stack: Held(*total) for stack, total in sums.items() if any(total)}


def _site_changes(
    before: Usage,
    after: Usage,
    stacks: Mapping[int, Stack],
    left_out: Callable[[Stack], bool],
) -> Iterator[tuple[Stack, Held]]:
    objects = _differences(before.objects, after.objects)
    size_bytes = _differences(before.bytes, after.bytes)
    for site in objects.keys() | size_bytes.keys():
        stack = stacks[site]
        if not left_out(stack) and not made_by_measuring(stack):
            yield stack, Held(objects.get(site, 0), size_bytes.get(site, 0))


def _differences(before: Mapping[int, int], after: Mapping[int, int]) -> dict[int, int]:
    """Return by how much each number changed, where it did."""
    differing = {site for site, _ in before.items() ^ after.items()}
    changes = {site: after.get(site, 0) - before.get(site, 0) for site in differing}
    return {site: change for site, change in changes.items() if change}


def _is_gos_own(stack: Stack) -> bool:
    return is_runtime_cache(stack) or is_room_for_timers(stack)


def _is_starting(stack: Stack) -> bool:
    """Tell whether a goroutine was just starting or ending: it has no frame yet, or no more."""
    return not stack


def _without_own(
    held: Held, own: Held, item: Round, idle: Round, kind: Kind | Literal["totals"]
) -> Held:
    """Subtract what the idle round shows to be ours or the clock's."""
    if own.count <= 0 and own.bytes <= 0:
        return held
    ours = max(_own_requests(idle, kind), 1)
    requests = _own_requests(item, kind) / ours
    ticks = max(requests, item.seconds / max(idle.seconds, 1e-3))
    expected = max(own.count, 0) * ticks
    left = held.count - expected
    each_ours = requests and own.count % ours == 0
    surely = kind == "heap" and own.count >= _SURELY_BY_CLOCK and not each_ours
    if surely and _CLOCK_SHARE * held.count <= expected <= 2 * held.count:
        return Held(min(0.0, left), min(0.0, held.bytes - own.bytes * ticks))
    # What the clock adds scatters: within three standard deviations it is all the clock's.
    noise = 3 * expected**0.5 + 2
    if left <= noise:
        bytes_left = held.bytes - own.bytes * ticks
        own_bytes = max(own.bytes, 0) / max(own.count, 1)
        # Growth in bytes alone, as of a slice, is no scatter of the objects' number, unless the
        # clock fills that slice: what came is what it makes there.
        by_clock = not requests and expected >= _SURELY_BY_CLOCK and 2 * held.count >= expected
        is_noise = by_clock or bytes_left <= noise * own_bytes
        return Held(min(0.0, left), min(0.0, bytes_left) if is_noise else bytes_left)
    if each_ours and own.count > 0:
        return Held(held.count - own.count * requests, held.bytes - own.bytes * requests)
    return Held(left, held.bytes - own.bytes * ticks)


def _own_requests(item: Round, kind: Kind | Literal["totals"]) -> int:
    if kind == "goroutine":
        return item.after.goroutine_requests - item.before.goroutine_requests
    return item.after.heap_requests - item.before.heap_requests
