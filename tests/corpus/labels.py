"""What is known of each service of the corpus: its label.json, as frozen dataclasses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

MODULE = Path(__file__).resolve().parent
SERVICES = MODULE / "services"

Verdict = Literal["leak", "clean", "inconclusive"]
Framework = Literal["net/http", "echo4", "echo5"]
# How precisely the stack of an allocation, or of a goroutine, can tell the culprit: its function;
# its file; that it is one of several candidates, since tiny objects of others share its blocks; or
# nothing, because all of it is allocated by others and only its holder is known.
Located = Literal["function", "file", "candidate", "holder"]

FRAMEWORKS = ("net/http", "echo4", "echo5")
VERDICTS = ("leak", "clean", "inconclusive")
CAUSES = (
    "unbounded-map",
    "unbounded-slice",
    "cache-no-bound",
    "context-retained",
    "context-not-cancelled",
    "closure-capture",
    "listener-not-removed",
    "substring-pin",
    "metrics-cardinality",
    "lock-map",
    "global-registry",
    "unclosed-response-body",
    "sql-rows-not-closed",
    "sql-conn-not-returned",
    "redis-conn-not-released",
    "ticker-not-stopped",
    "timer-not-stopped",
    "goroutine-blocked-channel",
    "goroutine-no-exit-loop",
    "mutex-never-unlocked",
    "waitgroup-never-done",
    "finalizer-cycle",
    "other",
)


@dataclass(frozen=True)
class Case:
    """One workload on one service, and what is true of it.

    - `path`, `method`, `headers`, `expect`: the request; `{i}` is a number that never repeats.
    - `verdict`: what a check has to say; `accepted`: what the contract lets it say instead.
    - `cause`, `function`, `holder`: what a Go developer would name; "" for what does not leak.
    - `cause_accepted`: causes that are as right, where that is a matter of view.
    - `cause_needs_holder`: only what holds the objects tells the cause; `cause_seen`: what may be
      said without it.
    - `other_functions`: what is as guilty, where a route leaks in several places.
    - `objects`, `bytes`, `goroutines`: what stays of each request; None where it is random or
      grows in steps. The steps in which a slice or a map grows come on top. Blocks that tiny
      objects share count as one.
    - `inexact`: no count is exact: it leaks by chance, or later, or objects share their blocks.
    - `options`, `allow`: keywords of the check, and of each Allow.
    - `fresh`: the case needs a service that nothing else has used.
    - `steady_after`: how many requests it takes until the figures hold (a cache is full, say).
    - `settle_seconds`: how long to wait for what goes, or comes, by the clock.
    - `by_clock`: memory grows without requests, too.
    - `truth_requests`, `truth_objects_tolerance`: how the label itself is checked.
    """

    service: str
    path: str
    verdict: Verdict
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: int | None = None
    accepted: tuple[Verdict, ...] = ()
    cause: str = ""
    cause_accepted: tuple[str, ...] = ()
    cause_needs_holder: bool = False
    cause_seen: tuple[str, ...] = ()
    function: str = ""
    other_functions: tuple[str, ...] = ()
    located: Located = "function"
    holder: str = ""
    objects: float | None = 0
    bytes: float | None = 0
    goroutines: float | None = 0
    inexact: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    allow: tuple[Mapping[str, Any], ...] = ()
    fresh: bool = False
    docker: bool = False
    steady_after: int = 200
    settle_seconds: float = 0.0
    by_clock: bool = False
    truth_requests: int = 1000
    truth_objects_tolerance: float | None = None

    @property
    def name(self) -> str:
        """A name that no other case has, such as `sessions/leak`."""
        options = "".join(f"[{name}={self.options[name]}]" for name in sorted(self.options))
        allowed = "[allow]" if self.allow else ""
        return f"{self.service}{self.path}{options}{allowed}"

    @property
    def right(self) -> tuple[Verdict, ...]:
        """All verdicts that are right."""
        return (self.verdict, *self.accepted)


@dataclass(frozen=True)
class Service:
    """A program of the corpus. `libraries`: the public ones its leak, or its cache, is made of.

    `pprof`: whether it is built with pprof on its own address.
    """

    name: str
    framework: Framework
    cases: tuple[Case, ...]
    libraries: tuple[str, ...] = ()
    pprof: bool = True

    @property
    def tags(self) -> tuple[str, ...]:
        """The build tags that it is built with."""
        return () if self.pprof else ("nopprof",)


def load() -> tuple[Service, ...]:
    """Return all services of the corpus, by name. Raises ValueError for a label that is wrong."""
    folders = sorted(path.parent for path in SERVICES.glob("*/main.go"))
    return tuple(_service(folder) for folder in folders)


def cases() -> tuple[Case, ...]:
    """Return the cases of all services."""
    return tuple(case for service in load() for case in service.cases)


def _service(folder: Path) -> Service:
    values = json.loads((folder / "label.json").read_text(encoding="utf-8"))
    values["cases"] = tuple(_case(folder.name, case) for case in values["cases"])
    values["libraries"] = tuple(values.get("libraries", ()))
    service = Service(name=folder.name, **values)
    if service.framework not in FRAMEWORKS:
        raise ValueError(f"{folder.name}: framework {service.framework!r}")
    return service


def _case(service: str, values: dict[str, Any]) -> Case:
    unknown = values.keys() - {item.name for item in fields(Case)}
    if unknown:
        raise ValueError(f"{service}: unknown fields {sorted(unknown)}")
    for name in ("accepted", "allow", "other_functions", "cause_accepted", "cause_seen"):
        values[name] = tuple(values.get(name, ()))
    case = Case(service=service, **values)
    if not {case.verdict, *case.accepted} <= set(VERDICTS):
        raise ValueError(f"{case.name}: a verdict is one of {VERDICTS}")
    if not {*case.cause_accepted, *case.cause_seen} <= set(CAUSES):
        raise ValueError(f"{case.name}: a cause is one of the contract's list")
    if case.verdict != "clean" and not (case.function and case.cause in CAUSES):
        raise ValueError(f"{case.name}: a leak has a function, and a cause of the contract's list")
    return case
