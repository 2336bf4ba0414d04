"""Driving callables: plain ones in threads, async ones on an event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from pytest_echoleak.errors import IterationError
from pytest_echoleak.text import printable
from pytest_echoleak.workload.workload import Call


class PlainCalls:
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


class AsyncCalls:
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
