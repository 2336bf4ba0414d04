"""A workload: what one iteration of a check does, in one form for requests and callables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pytest_echoleak.errors import SettingError
from pytest_echoleak.workload.request import Request, Template, parse_request, prepare

WorkloadLike: TypeAlias = "str | Request | Sequence[str | Request] | Callable[..., Any]"


@dataclass(frozen=True)
class Requests:
    """Requests that one iteration sends, one after the other."""

    templates: tuple[Template, ...]

    @property
    def label(self) -> str:
        """What reports call it: `GET /users/{i}`."""
        return ", ".join(str(template.request) for template in self.templates)

    @property
    def identical(self) -> bool:
        """Whether every iteration sends the very same bytes."""
        return not any(template.numbered for template in self.templates)


@dataclass(frozen=True)
class Call:
    """A callable of the user's; `numbered` where it takes the iteration's number."""

    function: Callable[..., Any]
    numbered: bool
    is_async: bool

    @property
    def label(self) -> str:
        """What reports call it."""
        return f"{getattr(self.function, '__qualname__', type(self.function).__name__)}()"

    @property
    def identical(self) -> bool:
        """False: nobody knows what a callable sends."""
        return False


Workload: TypeAlias = Requests | Call


def to_workload(value: WorkloadLike) -> Workload:
    """Return the workload that the user's argument means. Raises SettingError."""
    if isinstance(value, str | Request):
        return Requests((prepare(_request(value)),))
    if isinstance(value, Sequence):
        if not value:
            raise SettingError("the workload is an empty sequence: there is nothing to send")
        return Requests(tuple(prepare(_request(item)) for item in value))
    if callable(value):
        return Call(value, _takes_number(value), _is_async(value))
    raise SettingError(
        f"a workload is 'GET /path', a Request, a sequence of these, or a callable; not {value!r}"
    )


def _request(value: object) -> Request:
    if isinstance(value, Request):
        return value
    if isinstance(value, str):
        return parse_request(value)
    raise SettingError(f"a sequence of requests cannot hold {value!r}")


def _is_async(function: Callable[..., Any]) -> bool:
    call = getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _takes_number(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    required = [p for p in positional if p.default is p.empty]
    if len(required) > 1 or any(
        p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters
    ):
        raise SettingError(
            f"{function!r} as a workload must take nothing, or the iteration's number"
        )
    return len(required) == 1
