"""Driving declarative requests: all connections in one thread, one request at a time on each.

Threads would take turns at the interpreter, which costs more than the requests. Here a selector
tells which connections have news, and each is served in turn without waiting.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from pytest_echoleak.errors import IterationError
from pytest_echoleak.text import printable
from pytest_echoleak.transport import Channel, Origin, Response, TransportError, split_url
from pytest_echoleak.workload.request import Prepared, Template, refusal
from pytest_echoleak.workload.workload import Requests

_BODY_LIMIT_BYTES = 64 << 20
_SHOWN_BODY_CHARS = 500
_SHOWN_BODY_BYTES = 4 * _SHOWN_BODY_CHARS


class RequestDriver:
    """Declarative requests over as many keep-alive connections as iterations are in flight."""

    def __init__(
        self,
        workload: Requests,
        base_url: Callable[[], str],
        concurrency: int,
        *,
        timeout_seconds: float,
    ) -> None:
        self._workload = workload
        self._base_url = base_url
        self._concurrency = concurrency
        self._timeout_seconds = timeout_seconds
        self._selector = selectors.DefaultSelector()
        self._lanes: list[_Lane] = []

    def run(self, first: int, count: int) -> None:
        """Run `count` iterations, numbered from `first` on. Raises WorkloadError."""
        self._lanes = self._lanes or self._make_lanes()
        try:
            numbers = iter(range(first, first + count))
            if len(self._lanes) == 1:
                _run_alone(self._lanes[0], numbers)
            else:
                self._run(numbers)
        except BaseException:
            self.rest()
            raise

    def rest(self) -> None:
        """Close all connections."""
        for lane in self._lanes:
            lane.close()
        self._lanes = []

    def close(self) -> None:
        """Leave nothing behind."""
        self.rest()
        self._selector.close()

    def _run(self, numbers: Iterator[int]) -> None:
        busy = sum(lane.start(numbers) for lane in self._lanes)
        next_look = 0.0
        while busy:
            now = time.monotonic()
            if now >= next_look:
                # No request can be due before this: those sent from now on are due later.
                next_look = min(lane.deadline(now) for lane in self._lanes if lane.busy)
            for key, _ in self._selector.select(next_look - now):
                busy -= key.data.advance(numbers)

    def _make_lanes(self) -> list[_Lane]:
        origin, _ = split_url(self._base_url())
        steps = [_Step(template, origin.host_header) for template in self._workload.templates]
        return [
            _Lane(steps, origin, self._selector, self._timeout_seconds)
            for _ in range(self._concurrency)
        ]


def _run_alone(lane: _Lane, numbers: Iterator[int]) -> None:
    busy = lane.start(numbers)
    while busy:
        lane.wait()
        busy = not lane.advance(numbers)


class _Step:
    """One request of an iteration, ready to be sent."""

    def __init__(self, template: Template, host: bytes) -> None:
        self.template = template
        self.message = Prepared(template, host)
        self.statuses = template.statuses
        self.head = template.request.method == "HEAD"
        self.kept_bytes = None if self.statuses is None else _SHOWN_BODY_BYTES


class _Lane:
    """Iterations over one connection, one after the other."""

    def __init__(
        self,
        steps: list[_Step],
        origin: Origin,
        selector: selectors.BaseSelector,
        timeout_seconds: float,
    ) -> None:
        self._steps = steps
        self._place = 0
        self._number = 0
        self._channel = Channel(
            origin,
            selector,
            timeout_seconds=timeout_seconds,
            limit_bytes=_BODY_LIMIT_BYTES,
            data=self,
        )
        self.busy = False

    def start(self, numbers: Iterator[int]) -> bool:
        """Begin the next iteration; return False where there is none left."""
        number = next(numbers, None)
        self.busy = number is not None
        if number is not None:
            self._number = number
            self._place = 0
            self._send()
        return self.busy

    def advance(self, numbers: Iterator[int]) -> bool:
        """Go on where there is news; return True once this lane has nothing left to do."""
        if not self.busy:  # nothing is owed to us, so any news is the end of the connection
            self._channel.close()
            return False
        try:
            done = self._channel.advance()
        except TransportError as cause:
            self._failed(cause)
        if not done:
            return False
        step = self._steps[self._place]
        if step.statuses is None or self._channel.answer.status not in step.statuses:
            _check(step.template, self._channel.answer.response(), self._number)
        self._place += 1
        if self._place == len(self._steps):
            return not self.start(numbers)
        self._send()
        return False

    def wait(self) -> None:
        """Wait for news. Raises IterationError where the request in flight is overdue."""
        now = time.monotonic()
        self._channel.wait(self.deadline(now) - now)

    def deadline(self, now: float) -> float:
        """Return when the request in flight is due. Raises IterationError where that is past."""
        if now >= self._channel.deadline:
            self._failed(self._channel.late())
        return self._channel.deadline

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _send(self) -> None:
        step = self._steps[self._place]
        message = step.message.numbered(self._number)
        try:
            self._channel.begin(message, head=step.head, kept_bytes=step.kept_bytes)
        except TransportError as cause:
            self._failed(cause)

    def _failed(self, cause: TransportError) -> NoReturn:
        sent = "" if cause.sent else " (it was not sent)"
        described = self._steps[self._place].template.described(self._number)
        raise IterationError(self._number, f"{described} failed{sent}: {cause}") from cause


def _check(template: Template, response: Response, number: int) -> None:
    """Raise IterationError where the answer is not the expected one."""
    try:
        why = refusal(template.request.expect, response)
    except Exception as cause:
        raised = f"{type(cause).__name__}: {printable(str(cause), 2000)}"
        why = f"answered {response.status}, and expect= raised {raised}"
        raise IterationError(number, _unexpected(template, number, why, response)) from cause
    if why:
        raise IterationError(number, _unexpected(template, number, why, response))


def _unexpected(template: Template, number: int, why: str, response: Response) -> str:
    body = printable(response.body[:_SHOWN_BODY_BYTES].decode("utf-8", "replace"))
    shown = body[:_SHOWN_BODY_CHARS] + ("..." if len(body) > _SHOWN_BODY_CHARS else "")
    answer = f": {shown.strip()}" if shown.strip() else " with an empty body"
    return f"{template.described(number)} {why}{answer}"
