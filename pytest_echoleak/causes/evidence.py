"""Questions to clues that several entries of the catalogue ask."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence

from pytest_echoleak.causes.clues import Clues, Grown, called
from pytest_echoleak.folding import READ_REQUEST
from pytest_echoleak.ownership import package_of
from pytest_echoleak.results import Location
from pytest_echoleak.waiting import wait_state

_OBJECTS_OF_A_REQUEST = 40
_MOSTLY = 0.6
_NOTABLE = 0.25
_IN_STEP = 0.02
_STRAYS = 3
_MOST_EACH = 4


def somewhere(clues: Clues, *functions: str) -> bool:
    """Tell whether any of the finding's stacks leads through one of these."""
    return clues.calls(*functions)


def notably(clues: Clues, *functions: str) -> bool:
    """Tell whether a good part of the finding was allocated by calls of the user's to these.

    The rest may be what was handed to them: a name, a closure.
    """
    return _share(clues, lambda one: called(one.foreign[-1:], functions)) >= _NOTABLE


def below(clues: Clues, pattern: re.Pattern[str]) -> bool:
    """Tell whether a good part of the finding was allocated below a function that is named so."""
    return _share(clues, lambda one: any(map(pattern.search, one.foreign))) >= _NOTABLE


def directly_below(clues: Clues, pattern: re.Pattern[str]) -> bool:
    """Tell whether a good part was allocated by calls of the user's own to what is named so."""
    return _share(clues, lambda one: any(map(pattern.search, one.foreign[-1:]))) >= _NOTABLE


def is_request_part(clues: Clues, head: Clues) -> bool:
    """Tell whether this is what a string cut from requests keeps of them, as often as `head`."""
    return reads_request(clues) and not keeps_requests(clues) and in_step(clues, head)


def reads_request(clues: Clues) -> bool:
    """Tell whether net/http made this while it read requests."""
    return clues.finding.location.function == READ_REQUEST


def keeps_requests(clues: Clues) -> bool:
    """Tell whether whole requests are among it: of each about every tenth object is one."""
    whole = sum(one.count for one in clues.heap)
    requests = sum(
        one.count for one in clues.heap if one.functions[:1] and _is_request(one.functions[0])
    )
    return requests * _OBJECTS_OF_A_REQUEST >= whole > 0


def _is_request(function: str) -> bool:
    return function.startswith(READ_REQUEST)


def in_step(clues: Clues, head: Clues) -> bool:
    """Tell whether this came as often as `head` did, or a whole number of times as often."""
    return keeps_step(events(clues), events(head), strays=_STRAYS)


def keeps_step(came: float, leading: float, *, strays: float = 0.0) -> bool:
    """Tell whether one number or rate is another's, or a whole number of times that."""
    times = round(came / leading) if leading > 0 else 0
    return times >= 1 and abs(came - times * leading) <= strays + _IN_STEP * came


def comes_with(count: float, leading: float) -> bool:
    """Tell whether one number keeps step with another, or is one of up to four times as many."""
    if keeps_step(count, leading, strays=_STRAYS):
        return True
    return _MOST_EACH * count >= leading and keeps_step(leading, count, strays=_STRAYS)


def events(clues: Clues) -> float:
    """Return how often a finding's growth happened: what most of its stacks grew by."""
    if clues.finding.shares_blocks:
        return clues.finding.objects
    counts = _by_line(clues.goroutines) or _by_line(clues.heap)
    if max(counts, default=0) <= 0:
        return 0.0
    notable = [count for count in counts if count >= _NOTABLE * max(counts)]
    return statistics.median_low(notable)


def _by_line(stacks: Sequence[Grown]) -> list[float]:
    lines: defaultdict[Location, float] = defaultdict(float)
    for one in stacks:
        lines[one.stack[0]] += one.count
    return list(lines.values())


def is_own(clues: Clues) -> bool:
    """Tell whether a line of the user's is on the finding's stacks, and answers for it."""
    return not clues.finding.shares_blocks and any(one.place is not None for one in clues.grown)


def is_notably_own(clues: Clues) -> bool:
    """Tell whether that line made a good part of it, and not just what came meanwhile."""
    own = sum(max(one.bytes, 0.0) for one in clues.grown if one.place is not None)
    whole = sum(max(one.bytes, 0.0) for one in clues.grown)
    return is_own(clues) and own >= _NOTABLE * whole


def packages_below(clues: Clues) -> frozenset[str]:
    """Return the packages of libraries that the user's nearest line called to make the finding."""
    return frozenset(package_of(name) for one in clues.grown for name in one.foreign)


def states(clues: Clues) -> frozenset[str]:
    """Return what the goroutines of the finding wait in, "" for what is not known."""
    return frozenset(wait_state(one.inner, one.stack) for one in clues.goroutines)


def waits_in(clues: Clues, *wanted: str) -> bool:
    """Tell whether most of the finding's goroutines wait in one of these."""
    whole = sum(one.count for one in clues.goroutines)
    waiting = sum(
        one.count for one in clues.goroutines if wait_state(one.inner, one.stack) in wanted
    )
    return whole > 0 and waiting >= _MOSTLY * whole


def stands_in(clues: Clues, function: str, *wanted: str) -> bool:
    """Tell whether goroutines of the finding wait in one of these ways right in `function`."""
    return any(
        called(one.functions[:1], (function,)) and wait_state(one.inner, one.stack) in wanted
        for one in clues.goroutines
    )


def runs_through(clues: Clues, *functions: str) -> bool:
    """Tell whether a goroutine of the finding is below one of these, wherever it was started."""
    return any(called(one.functions, functions) for one in clues.goroutines)


def made_by(clues: Clues, *inner: str) -> bool:
    """Tell whether most of the finding's objects were made by these functions of the runtime."""
    return _share(clues, lambda one: any(name in inner for name in one.inner)) >= _MOSTLY


def _share(clues: Clues, wanted: Callable[[Grown], bool]) -> float:
    whole = sum(max(one.count, 0.0) for one in clues.heap)
    part = sum(max(one.count, 0.0) for one in clues.heap if wanted(one))
    return part / whole if whole > 0 else 0.0
