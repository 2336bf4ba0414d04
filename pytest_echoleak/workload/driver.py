"""Drivers: they run iterations of a workload, in batches, and check every answer."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol

from pytest_echoleak.errors import IterationError
from pytest_echoleak.text import printable
from pytest_echoleak.transport import Connection, Response, TransportError, split_url
from pytest_echoleak.workload.request import Template, refusal
from pytest_echoleak.workload.workload import Call, Requests, Workload

REQUEST_TIMEOUT_SECONDS = 30.0
_BODY_LIMIT_BYTES = 64 << 20
_SHOWN_BODY_CHARS = 500


class Driver(Protocol):
    """Runs iterations. Used by one thread at a time."""

    def run(self, first: int, count: int) -> None:
        """Run `count` iterations, numbered from `first` on. Raises WorkloadError."""

    def rest(self) -> None:
        """Close every connection of its own, so that none stands in a snapshot."""


@contextmanager
def driving(workload: Workload, base_url: Callable[[], str], concurrency: int) -> Iterator[Driver]:
    """Give a driver for `workload`; at the end nothing of it is left, no thread and no socket.

    `base_url` is asked whenever a connection is opened: a restart may change the port.
    """
    if isinstance(workload, Call):
        calls = _AsyncCalls if workload.is_async else _PlainCalls
        driver: _RequestDriver | _PlainCalls | _AsyncCalls = calls(workload, concurrency)
    else:
        driver = _RequestDriver(workload, base_url, concurrency)
    try:
        yield driver
    finally:
        driver.close()


class _RequestDriver:
    """Declarative requests over as many keep-alive connections as iterations are in flight."""

    def __init__(self, workload: Requests, base_url: Callable[[], str], concurrency: int) -> None:
        self._senders = [_Sender(workload.templates, base_url) for _ in range(concurrency)]
        self._crew = _Crew(concurrency)

    def run(self, first: int, count: int) -> None:
        self._crew.run([sender.iterate for sender in self._senders], first, count)

    def rest(self) -> None:
        for sender in self._senders:
            sender.close()

    def close(self) -> None:
        self._crew.close()
        self.rest()


class _Sender:
    """Sends requests over one connection."""

    def __init__(self, templates: tuple[Template, ...], base_url: Callable[[], str]) -> None:
        self._templates = templates
        self._base_url = base_url
        self._connection: Connection | None = None
        self._fixed: dict[int, bytes] = {}

    def iterate(self, number: int) -> None:
        connection = self._connection or self._connect()
        for place, template in enumerate(self._templates):
            request = self._fixed.get(place) or template.render(connection.host_header, number)
            response = _exchange(connection, template, request, number)
            try:
                why = refusal(template.request.expect, response)
            except Exception as cause:
                raised = f"{type(cause).__name__}: {printable(str(cause), 2000)}"
                why = f"answered {response.status}, and expect= raised {raised}"
                raise IterationError(
                    number, _unexpected(template, number, why, response)
                ) from cause
            if why:
                raise IterationError(number, _unexpected(template, number, why, response))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        origin, _ = split_url(self._base_url())
        self._connection = Connection(
            origin, timeout_seconds=REQUEST_TIMEOUT_SECONDS, limit_bytes=_BODY_LIMIT_BYTES
        )
        self._fixed = {
            place: template.render(origin.host_header, 0)
            for place, template in enumerate(self._templates)
            if not template.numbered
        }
        return self._connection


def _exchange(connection: Connection, template: Template, request: bytes, number: int) -> Response:
    try:
        return connection.exchange(request, head=template.request.method == "HEAD")
    except TransportError as cause:
        sent = "" if cause.sent else " (it was not sent)"
        what = f"{template.described(number)} failed{sent}: {cause}"
        raise IterationError(number, what) from cause


def _unexpected(template: Template, number: int, why: str, response: Response) -> str:
    body = printable(response.body[: 4 * _SHOWN_BODY_CHARS].decode("utf-8", "replace"))
    shown = body[:_SHOWN_BODY_CHARS] + ("..." if len(body) > _SHOWN_BODY_CHARS else "")
    answer = f": {shown.strip()}" if shown.strip() else " with an empty body"
    return f"{template.described(number)} {why}{answer}"


class _PlainCalls:
    """A plain callable; several at once run in threads."""

    def __init__(self, workload: Call, concurrency: int) -> None:
        self._workload = workload
        self._concurrency = concurrency
        self._crew = _Crew(concurrency)

    def run(self, first: int, count: int) -> None:
        self._crew.run([self._iterate] * self._concurrency, first, count)

    def rest(self) -> None:
        """The connections are the user's."""

    def close(self) -> None:
        self._crew.close()

    def _iterate(self, number: int) -> None:
        arguments = (number,) if self._workload.numbered else ()
        try:
            result = self._workload.function(*arguments)
        except Exception as cause:
            raise _callable_failed(self._workload, number, cause) from cause
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            what = f"{self._workload.label} returned something to await: write it as `async def`"
            raise IterationError(number, what)


class _AsyncCalls:
    """An async callable, on an event loop of its own in a thread of its own.

    The test that runs the check may itself be async, and its loop waits until the check is done.
    """

    def __init__(self, workload: Call, concurrency: int) -> None:
        self._workload = workload
        self._concurrency = concurrency
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="echoleak-async", daemon=True
        )
        self._thread.start()

    def run(self, first: int, count: int) -> None:
        future = asyncio.run_coroutine_threadsafe(self._run(first, count), self._loop)
        try:
            future.result()
        except BaseException:
            future.cancel()
            raise

    def rest(self) -> None:
        """The connections are the user's."""

    def close(self) -> None:
        async def finish() -> None:
            await self._loop.shutdown_asyncgens()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(finish(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _run(self, first: int, count: int) -> None:
        numbers = iter(range(first, first + count))

        async def worker() -> None:
            for number in numbers:
                await self._iterate(number)

        tasks = [asyncio.ensure_future(worker()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _iterate(self, number: int) -> None:
        arguments = (number,) if self._workload.numbered else ()
        try:
            await self._workload.function(*arguments)
        except Exception as cause:
            raise _callable_failed(self._workload, number, cause) from cause


class _Crew:
    """Spreads iterations over several threads; a single one works in the caller's thread."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, "echoleak-driver") if size > 1 else None
        self._ending = False

    def run(self, workers: list[Callable[[int], None]], first: int, count: int) -> None:
        numbers = iter(range(first, first + count))
        if self._pool is None:
            for number in numbers:
                workers[0](number)
            return
        lock = threading.Lock()
        stop = threading.Event()

        def work(iterate: Callable[[int], None]) -> None:
            while not (stop.is_set() or self._ending):
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                iterate(number)

        futures: list[Future[Any]] = [self._pool.submit(work, worker) for worker in workers]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            wait(futures)
        for future in futures:
            future.result()

    def close(self) -> None:
        self._ending = True
        if self._pool is not None:
            self._pool.shutdown()


def _callable_failed(workload: Call, number: int, cause: Exception) -> IterationError:
    what = f"{type(cause).__name__}: {printable(str(cause), 2000)}"
    return IterationError(number, f"{workload.label} raised {what}")
