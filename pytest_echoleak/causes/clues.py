"""What is known of a finding, for the catalogue to judge: the evidence, and questions to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_echoleak.attribution import Trial, per_value
from pytest_echoleak.pprof.frames import short_package
from pytest_echoleak.results import Finding, HeldBy, Location

if TYPE_CHECKING:
    from pytest_echoleak.series import Kind

# One of a hundred objects: what is forgotten once leaves fewer than that.
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Grown:
    """One stack that grew, over all rounds.

    `stack` goes from the allocation (or from where a goroutine stands) outwards, without the
    frames of Go's runtime at its inner end: `inner` are the functions of these, where they are
    known. `own`: which frames are the user's. `count` is objects, or goroutines.
    """

    kind: Kind
    stack: tuple[Location, ...]
    inner: tuple[str, ...]
    own: tuple[bool, ...]
    count: float
    bytes: float

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions of `stack`, the innermost first."""
        return tuple(frame.function for frame in self.stack)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The functions between the allocation and the user's nearest own one, which called them.

        All of them where no frame is the user's.
        """
        own = self.own.index(True) if True in self.own else len(self.own)
        return self.functions[:own]

    @property
    def place(self) -> Location | None:
        """The user's nearest own line, None where there is none."""
        return self.stack[self.own.index(True)] if True in self.own else None


@dataclass(frozen=True)
class Clues:
    """All that is known of one finding.

    - `grown`: the stacks that the finding counts; `around`: all others that grew in the process,
      also those that no finding counts: the slice or map that keeps the objects is among them.
    - `siblings`: the other findings of the check.
    - `holders`: those who hold most of it, as a heap dump tells; empty where none was taken.
    - `containers`: the numbers (HeldBy.container_number) of containers that are among the objects.
    - `modules`: the paths of the service's modules.
    - `iterations`: how many were measured.
    - `shows_runtime`: heap stacks come with the runtime's frames, as an agent tells them. Go up to
      1.25 leaves out the innermost: where there is none, a call in the code allocated directly.
    - `trials`: what came when each request was sent alone; empty where nobody tried.
    """

    finding: Finding
    grown: tuple[Grown, ...]
    around: tuple[Grown, ...] = ()
    siblings: tuple[Finding, ...] = ()
    holders: tuple[HeldBy, ...] = ()
    containers: frozenset[int] = frozenset()
    modules: tuple[str, ...] = ()
    iterations: int = 1
    shows_runtime: bool = True
    trials: tuple[Trial, ...] = ()

    @property
    def per_value(self) -> bool | None:
        """Whether it grows only with values that were never sent before; None: not known."""
        return per_value(self.finding.rate, self.trials)

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The packages that are not the user's, of all that allocated, as heap dumps name them."""
        return frozenset(
            short_package(frame.function)
            for one in (*self.grown, *self.around)
            for frame, own in zip(one.stack, one.own, strict=True)
            if not own
        )

    @cached_property
    def heap(self) -> tuple[Grown, ...]:
        """What the finding counts of the heap."""
        return tuple(one for one in self.grown if one.kind == "heap" and _grew(one))

    @cached_property
    def goroutines(self) -> tuple[Grown, ...]:
        """The goroutines that the finding counts."""
        return tuple(one for one in self.grown if one.kind == "goroutine" and _grew(one))

    def calls(self, *functions: str) -> bool:
        """Tell whether the finding's stacks lead through one of `functions` (ends of symbols)."""
        return self.leads_through(lambda name: called((name,), functions))

    def leads_through(self, wanted: Callable[[str], bool]) -> bool:
        """Tell whether the finding's stacks lead through a function that is `wanted`.

        From the allocation out to the user's own nearest line: what called that is another matter.
        A few among many are what the service did meanwhile.
        """
        return any(_is_part(grown, wanted) for grown in (self.heap, self.goroutines))


def _is_part(grown: Sequence[Grown], wanted: Callable[[str], bool]) -> bool:
    found = [one for one in grown if any(map(wanted, one.foreign))]
    return bool(found) and _count(found) >= _LEAST_SHARE * _count(grown)


def _count(grown: Iterable[Grown]) -> float:
    return sum(max(one.count, 0.0) for one in grown)


def _grew(one: Grown) -> bool:
    return one.count > 0 or one.bytes > 0


def called(names: Iterable[str], functions: Iterable[str]) -> bool:
    """Tell whether one of `names` is one of `functions`.

    A function is a whole symbol, or the end of one, behind a slash: module paths hold versions.
    """
    wanted = tuple(functions)
    return any(name == one or name.endswith("/" + one) for name in names for one in wanted)
