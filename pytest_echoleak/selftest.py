"""The self-test: known leaks are planted in the running service, and must be seen to the object.

They go the whole way that a leak of the service's own goes: through its allocator and its profile,
the snapshots, the series and the verdict.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from pytest_echoleak.agent.client import AgentClient, AgentError
from pytest_echoleak.agent.endpoint import AgentEndpoint
from pytest_echoleak.errors import SnapshotError
from pytest_echoleak.ownership import PLANTED, Ownership, is_planted
from pytest_echoleak.reports import units
from pytest_echoleak.series import Kind, Round, Series, make_series
from pytest_echoleak.service import EchoService
from pytest_echoleak.snapshots.snapshot import Snapshot
from pytest_echoleak.text import printable_line, with_log
from pytest_echoleak.tolerance import Tolerance
from pytest_echoleak.verdict import judge

_ROUNDS = 3
_OBJECTS = 100
_OBJECT_BYTES = 64
_GOROUTINES = 100
_DETECT = 0.01


@dataclass(frozen=True)
class SelfTest:
    """What was planted in all, what was seen of it, and how much of it when it had been taken away.

    - `exact`: every allocation is recorded; else objects are an estimate from samples, which is a
      failure unless `rate_is_users`: the user's GODEBUG has chosen the profile's rate.
    - `named`: the verdict on it named both planted functions.
    - `snapshot_seconds`: how long a snapshot took.
    """

    objects: int
    seen_objects: int
    seen_bytes: int
    goroutines: int
    seen_goroutines: int
    left_objects: int
    left_goroutines: int
    exact: bool
    rate_is_users: bool
    named: bool
    snapshot_seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was seen, and seen to go. Of samples only goroutines are asked."""
        goroutines = self.seen_goroutines == self.goroutines and self.left_goroutines == 0
        if self.rate_is_users and not self.exact:
            return goroutines
        objects = self.exact and self.seen_objects == self.objects and self.left_objects == 0
        return objects and goroutines and self.named

    @property
    def sentence(self) -> str:
        """What was seen, in one line."""
        objects = f"{self.seen_objects:,} of {units.whole(self.objects, 'planted object')}"
        goroutines = f"{self.seen_goroutines:,} of {units.whole(self.goroutines, 'goroutine')}"
        if not self.exact:
            return f"{goroutines} seen; objects are sampled: about {objects}"
        left = self.left_objects + self.left_goroutines
        gone = "and gone when taken away" if not left else f"but {left:,} stayed when taken away"
        named = "" if self.named else "; but the verdict did not name them"
        return f"{objects} ({units.size(self.seen_bytes)}) and {goroutines} seen, {gone}{named}"


def self_test(service: EchoService) -> SelfTest:
    """Plant known leaks in three rounds, measure and judge them, and take them away again.

    Nothing else may send requests meanwhile. Raises SnapshotError where the service has no agent,
    which alone can plant, or cannot be read; ServiceError where it has ended.
    """
    endpoint = service.instance.endpoints().agent
    if endpoint is None:
        raise SnapshotError(
            f"{service.instance.name}: there is no self-test without the agent, which plants what"
            " is to be seen. GoSource and Dockerfile build it in, unless agent=False is set."
        )
    first = service.snapshot()
    rounds: list[Round] = []
    try:
        for _ in range(_ROUNDS):
            _plant(service, endpoint, _OBJECTS, _GOROUTINES)
            before = rounds[-1].after if rounds else first
            rounds.append(Round(_OBJECTS, before, service.source.take(before)))
    finally:
        _plant(service, endpoint, 0, 0)
    began = time.monotonic()
    last = service.source.take(rounds[-1].after)
    return _told(service, endpoint, rounds, last, time.monotonic() - began)


def require_passed(service: EchoService, done: SelfTest) -> None:
    """Raise SnapshotError where the self-test failed: then no verdict could be trusted."""
    if not done.passed:
        text = (
            f"{service.instance.name}: the self-test failed: {done.sentence}. What this service"
            " leaks would not be seen either. Does something else send it requests meanwhile, or"
            " set runtime.MemProfileRate?"
        )
        raise SnapshotError(with_log(text, service.logs()))


def _plant(service: EchoService, endpoint: AgentEndpoint, objects: int, goroutines: int) -> None:
    try:
        with AgentClient(endpoint) as client:
            client.plant(objects, _OBJECT_BYTES, goroutines)
    except AgentError as cause:
        service.instance.identity()
        raise SnapshotError(
            f"{service.instance.name}: its agent cannot plant: {printable_line(str(cause))}"
        ) from cause


def _told(
    service: EchoService,
    endpoint: AgentEndpoint,
    rounds: list[Round],
    last: Snapshot,
    seconds: float,
) -> SelfTest:
    series = make_series(rounds)
    ownership = Ownership(service.instance.modules, tuple(series.heap) + tuple(series.goroutines))
    steady = judge(series, ownership, detect=_DETECT, tolerance=Tolerance()).steady
    kinds = {found.kind for found in steady if found.location.function.startswith(PLANTED)}
    seen_objects, seen_bytes = _seen(series, "heap")
    left = make_series([Round(1, rounds[0].before, last)])
    return SelfTest(
        objects=_OBJECTS * _ROUNDS,
        seen_objects=seen_objects,
        seen_bytes=seen_bytes,
        goroutines=_GOROUTINES * _ROUNDS,
        seen_goroutines=_seen(series, "goroutine")[0],
        left_objects=_seen(left, "heap")[0],
        left_goroutines=_seen(left, "goroutine")[0],
        exact=series.exact,
        rate_is_users=endpoint.profile_rate_bytes is None,
        named=kinds == {"heap", "goroutine"},
        snapshot_seconds=seconds,
    )


def _seen(series: Series, kind: Kind) -> tuple[int, int]:
    places = series.heap if kind == "heap" else series.goroutines
    grown = [growth for stack, growth in places.items() if is_planted(stack)]
    count = sum(sum(growth.count) for growth in grown)
    return round(count), round(sum(sum(growth.bytes) for growth in grown))
