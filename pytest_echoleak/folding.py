"""One leak is one finding: stacks are folded by the nearest frame of the user's own code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_echoleak.allowing import Allowance
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth, Held, Kind, Series

READ_REQUEST = "net/http.readRequest"
# Calls readRequest, and makes the request's context: what both allocate lives and dies together.
_SERVE_REQUEST = "net/http.(*conn).readRequest"
_OBJECTS_OF_A_REQUEST = 40  # measured: 9, and a few for each header
_UNKNOWN = Frame("(unknown)", "", 0)


@dataclass(frozen=True)
class Fold:
    """Stacks that grow at one place. `frame` is that place, `stack` the one that grew most.

    `parts` are those stacks, each with its own growth.
    `whole_process` marks growth that no single place accounts for: `growth` is the process's.
    `spread` marks growth below `frame` that no function which it called accounts for.
    `shared` are the lines that may keep blocks which small objects share: see small_blocks.py.
    `kept_requests` counts what net/http makes one of per request it reads: an http.Request.
    `unreachable`: how many of the goroutines that came nothing can ever wake, by proof.
    `beside`: it grew in step with goroutines that leak, and was measured no longer than they.
    """

    kind: Kind
    frame: Frame
    stack: Stack
    stacks: int
    growth: Growth
    own: bool
    exceeds: str = ""
    whole_process: bool = False
    spread: bool = False
    kept_requests: float = 0.0
    unreachable: int = 0
    parts: Mapping[Stack, Growth] = field(default_factory=dict)
    shared: tuple[Frame, ...] = ()
    beside: bool = False

    @staticmethod
    def of_process(growth: Growth) -> Fold:
        """Return the fold of a growth of which no stack is known at all."""
        return Fold("heap", _UNKNOWN, (), 0, growth, own=False, whole_process=True)

    @property
    def _keeps_whole_requests(self) -> bool:
        """Whether there is an http.Request among about every ten objects, as in a whole one."""
        return self.kept_requests * _OBJECTS_OF_A_REQUEST >= sum(self.growth.count)

    def note(self, *, exact: bool, iterations: int) -> str:
        """Return what must be said beside the figures, "" where they say it all."""
        if self.exceeds:
            return self.exceeds
        if self.beside:
            return "grew in step with the goroutines: came with them, or is a cache that fills"
        if self.whole_process and not exact:
            return "figures from the process's totals; the place is the largest of the samples"
        if self.whole_process:
            return "no single place repeats: the growth is spread, and this is its largest part"
        if self.spread:
            return "no function called here repeats: the growth is spread over several of them"
        if self.frame.function == READ_REQUEST and not self._keeps_whole_requests:
            return "parts of requests are retained: a string cut from a path or header keeps it all"
        if self.frame.function == READ_REQUEST:
            rate = f"{self.kept_requests / iterations:.3f} per iteration"
            return (
                f"whole requests are retained, {rate}: something keeps *http.Request, or its parts"
            )
        if not self.own:
            return "no frame of the service's own code in the stack"
        return ""


@dataclass(frozen=True)
class Folds:
    """All places that changed. An Allow's are `allowed`, or `exceeded` beyond its limit."""

    open: tuple[Fold, ...]
    allowed: tuple[Fold, ...]
    exceeded: tuple[Fold, ...]
    unused_allows: tuple[str, ...]


def fold_series(
    series: Series,
    ownership: Ownership,
    allowances: Sequence[Allowance] = (),
    before: Mapping[tuple[Allowance, Kind], Held] | None = None,
) -> Folds:
    """Fold the stacks of `series`; those that an allowance matches are folded by themselves.

    `before`: what each allowance's stacks held when the check began.
    """
    kinds: tuple[Kind, ...] = ("heap", "goroutine")
    matched: defaultdict[tuple[Allowance, Kind], dict[Stack, Growth]] = defaultdict(dict)
    rest: dict[Kind, dict[Stack, Growth]] = {kind: {} for kind in kinds}
    for kind in kinds:
        for stack, growth in (series.heap if kind == "heap" else series.goroutines).items():
            allowance = next((one for one in allowances if one.matches(stack)), None)
            if allowance is None:
                rest[kind][stack] = growth
            else:
                matched[allowance, kind][stack] = growth
    held = before or {}
    known = [
        fold_stacks(
            kind,
            stacks,
            ownership,
            exceeds=one.exceeded(kind, list(stacks.values()), held.get((one, kind), Held(0, 0))),
        )
        for (one, kind), stacks in matched.items()
    ]
    used = {
        allowance
        for (allowance, _), stacks in matched.items()
        if any(sum(growth.count) > 0 or sum(growth.bytes) > 0 for growth in stacks.values())
    }
    return Folds(
        open=(
            *_fold_kind("heap", rest["heap"], ownership),
            *_fold_kind("goroutine", rest["goroutine"], ownership, series.unreachable),
        ),
        allowed=tuple(fold for fold in known if not fold.exceeds),
        exceeded=tuple(fold for fold in known if fold.exceeds),
        unused_allows=tuple(one.allow.function for one in allowances if one not in used),
    )


def _fold_kind(
    kind: Kind,
    stacks: dict[Stack, Growth],
    ownership: Ownership,
    unreachable: Mapping[Stack, int] | None = None,
) -> list[Fold]:
    groups: defaultdict[Frame, dict[Stack, Growth]] = defaultdict(dict)
    for stack, growth in stacks.items():
        groups[_key(kind, stack, ownership)][stack] = growth
    folds = [fold_stacks(kind, group, ownership) for group in groups.values()]
    if not unreachable:
        return folds
    return [
        replace(fold, unreachable=sum(unreachable.get(stack, 0) for stack in group))
        for fold, group in zip(folds, groups.values(), strict=True)
    ]


def fold_stacks(
    kind: Kind, stacks: Mapping[Stack, Growth], ownership: Ownership, exceeds: str = ""
) -> Fold:
    """Return these stacks as one; the place is that of the one that grew most."""
    largest = max(stacks, key=lambda s: (sum(stacks[s].bytes), sum(stacks[s].count), s))
    growths = list(stacks.values())
    growth = Growth.total(growths, len(growths[0].count))
    grown = sum(sum(one.count) > 0 or sum(one.bytes) > 0 for one in growths)
    own = ownership.own_frame(largest) is not None
    requests = [sum(stacks[stack].count) for stack in stacks if _makes_request(stack)]
    return Fold(
        kind,
        place_of(largest, ownership),
        largest,
        grown,
        growth,
        own,
        exceeds,
        kept_requests=max(requests, default=0.0),
        parts=stacks,
    )


def _makes_request(stack: Stack) -> bool:
    return bool(stack) and stack[0].function.startswith(READ_REQUEST)


def _key(kind: Kind, stack: Stack, ownership: Ownership) -> Frame:
    """Return what stacks that belong together share: a line of the user's, else a function."""
    place = place_of(stack, ownership)
    if kind == "goroutine" and stack and ownership.is_own(stack[-1]):
        return stack[-1]._replace(line=0)
    if kind == "heap" and ownership.is_own(place):
        return place
    function = READ_REQUEST if place.function == _SERVE_REQUEST else place.function
    return Frame(function, "", 0)


def place_of(stack: Stack, ownership: Ownership) -> Frame:
    """Return the frame that answers for a stack.

    Where none is the user's own: net/http reading a request, whose parts are kept or dropped
    together; else the outermost frame, which for a goroutine is its entry function.
    """
    own = ownership.own_frame(stack)
    if own is not None:
        return own
    for frame in stack:
        if frame.function.startswith(READ_REQUEST):  # since Go 1.27 also readRequestLimit
            return frame._replace(function=READ_REQUEST)
    serving = next((frame for frame in stack if frame.function == _SERVE_REQUEST), None)
    return serving or (stack[-1] if stack else _UNKNOWN)
