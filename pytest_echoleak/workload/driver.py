"""Drivers: they run iterations of a workload, in batches, and check every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from pytest_echoleak.workload.calls import AsyncCalls, PlainCalls
from pytest_echoleak.workload.lanes import RequestDriver
from pytest_echoleak.workload.workload import Call, Workload

REQUEST_TIMEOUT_SECONDS = 30.0


class Driver(Protocol):
    """Runs iterations. Used by one thread at a time."""

    def run(self, first: int, count: int) -> None:
        """Run `count` iterations, numbered from `first` on. Raises WorkloadError."""

    def rest(self) -> None:
        """Close every connection of its own, so that none stands in a snapshot."""


@contextmanager
def driving(workload: Workload, base_url: Callable[[], str], concurrency: int) -> Iterator[Driver]:
    """Give a driver for `workload`; at the end nothing of it is left, no thread and no socket.

    `base_url` is asked at the first run and after each rest: a restart may change the port.
    """
    driver: RequestDriver | PlainCalls | AsyncCalls
    if not isinstance(workload, Call):
        driver = RequestDriver(
            workload, base_url, concurrency, timeout_seconds=REQUEST_TIMEOUT_SECONDS
        )
    elif workload.is_async:
        driver = AsyncCalls(workload, concurrency)
    else:
        driver = PlainCalls(workload, concurrency)
    try:
        yield driver
    finally:
        driver.close()
