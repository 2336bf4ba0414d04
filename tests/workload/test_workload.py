"""What a user may give as a workload."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from pytest_echoleak.errors import SettingError
from pytest_echoleak.workload.request import Request
from pytest_echoleak.workload.workload import Call, Requests, to_workload


def nothing() -> None: ...


def numbered(number: int) -> None: ...


def optional(number: int = 1) -> None: ...


def two(a: int, b: int) -> None: ...


def keyword(*, a: int) -> None: ...


async def asynchronous(number: int) -> None: ...


class Numbered:
    def __call__(self, number: int) -> None: ...

    async def method(self) -> None: ...


class AsyncCallable:
    async def __call__(self) -> None: ...


def requests(value: Any) -> Requests:
    workload = to_workload(value)
    assert isinstance(workload, Requests)
    return workload


def call(value: Any) -> Call:
    workload = to_workload(value)
    assert isinstance(workload, Call)
    return workload


def test_requests_in_all_their_forms() -> None:
    assert requests("GET /a").label == "GET /a"
    assert requests(["GET /a", Request("POST", "/b/{i}")]).label == "GET /a, POST /b/{i}"


@pytest.mark.parametrize(
    ("value", "identical"),
    [("GET /a", True), ("GET /{id}", True), ("GET /{i}", False), (["GET /a", "GET /{i}"], False)],
)
def test_whether_all_iterations_are_identical(value: Any, identical: bool) -> None:
    assert requests(value).identical is identical


@pytest.mark.parametrize(
    ("function", "takes_number", "is_async"),
    [
        (nothing, False, False),
        (numbered, True, False),
        (optional, False, False),
        (asynchronous, True, True),
        (lambda: None, False, False),
        (Numbered(), True, False),
        (Numbered().method, False, True),
        (AsyncCallable(), False, True),
        (functools.partial(two, 1), True, False),
        (functools.partial(asynchronous, 1), False, True),
    ],
)
def test_callables(function: Callable[..., Any], takes_number: bool, is_async: bool) -> None:
    workload = call(function)
    assert (workload.numbered, workload.is_async) == (takes_number, is_async)
    assert workload.label.endswith("()")


@pytest.mark.parametrize("function", [two, keyword])
def test_a_callable_that_wants_more_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(SettingError, match="must take nothing, or the iteration's number"):
        to_workload(function)


@pytest.mark.parametrize("value", [None, 5, [], ["GET /a", 5], [nothing], {"GET": "/a"}])
def test_what_is_no_workload(value: Any) -> None:
    with pytest.raises(SettingError):
        to_workload(value)
