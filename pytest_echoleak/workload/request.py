"""Declarative requests: what to send, and what must come back."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from pytest_echoleak.errors import SettingError
from pytest_echoleak.transport import Response, message_head

Expectation: TypeAlias = "int | Sequence[int] | Callable[[Response], object] | None"

NUMBER = "{i}"
_SUCCESS = range(200, 300)
_METHOD = re.compile(r"[A-Z]+")
_PATH_SAFE = "/?&=%:@!$'()*+,;~#[]{}-._"


@dataclass(frozen=True)
class Request:
    """One HTTP request of a workload.

    In `path`, the headers' values and the body the literal `{i}`, and only that, is replaced by a
    number that never repeats in a service's life. `json` is sent as JSON, `data` as it is (a
    mapping as a form). `expect` is a status, several, or a function of the `Response` that must
    return something true; None: any 2xx.
    """

    method: str
    path: str
    json: Any = None
    data: str | bytes | Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: Expectation = None

    def __post_init__(self) -> None:
        if not _METHOD.fullmatch(self.method):
            raise SettingError(f"{self.method!r} is no HTTP method; write it like 'GET'")
        if not self.path.startswith("/"):
            raise SettingError(f"the path {self.path!r} must begin with a slash")
        if self.json is not None and self.data is not None:
            raise SettingError(f"{self}: give json= or data=, not both")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def parse_request(text: str) -> Request:
    """Return the request that `"GET /path"` names. Raises SettingError."""
    method, _, path = text.strip().partition(" ")
    if not path:
        raise SettingError(f"{text!r} is no request; write it like 'GET /users/42'")
    return Request(method, path.strip())


@dataclass(frozen=True)
class Template:
    """A request prepared once, so that sending it costs no more than its bytes.

    `statuses` are the accepted ones; None where a function of the user's decides.
    """

    request: Request
    target: str
    headers: Mapping[str, str]
    body: bytes
    numbered: bool
    statuses: frozenset[int] | None

    def render(self, host: bytes, number: int) -> bytes:
        """Return the bytes to send to `host` in the iteration `number`."""
        return Prepared(self, host).numbered(number)

    def described(self, number: int) -> str:
        """Return the request as messages name it, its number filled in."""
        return str(self.request).replace(NUMBER, str(number))


class Prepared:
    """The messages of a template to one host, whatever the iteration: only digits are filled in."""

    def __init__(self, template: Template, host: bytes) -> None:
        self._template = template
        self._host = host
        self._digits = -1
        self._pieces: list[bytes] = []

    def numbered(self, number: int) -> bytes:
        """Return the bytes to send in the iteration `number`."""
        digits = b"%d" % number if self._template.numbered else b""
        if len(digits) != self._digits:
            self._digits = len(digits)
            self._pieces = self._split(len(digits))
        return digits.join(self._pieces)

    def _split(self, digits: int) -> list[bytes]:
        """Return what stands between numbers of so many digits: the body's length depends on it."""
        template, mark = self._template, NUMBER.encode()
        body = template.body
        size = len(body)
        if template.numbered:
            size += body.count(mark) * (digits - len(mark))
        method, target, headers = template.request.method, template.target, template.headers
        message = message_head(method, target, self._host, headers, size) + body
        return message.split(mark) if template.numbered else [message]


def prepare(request: Request) -> Template:
    """Encode a request. Raises SettingError where it cannot be sent."""
    body, content_type = _encode_body(request)
    headers = {"User-Agent": "pytest-echoleak", "Accept": "*/*", **request.headers}
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    target = quote(request.path.partition("#")[0], safe=_PATH_SAFE)
    numbered = any(NUMBER in text for text in (target, *headers.values())) or (
        NUMBER.encode() in body
    )
    if any(NUMBER in name for name in headers):
        raise SettingError(f"{request} cannot be sent: a header's name cannot hold {NUMBER}")
    template = Template(request, target, headers, body, numbered, _statuses(request))
    try:
        template.render(b"localhost", 1)
    except ValueError as cause:
        raise SettingError(f"{request} cannot be sent: {cause}") from cause
    return template


def refusal(expect: Expectation, response: Response) -> str:
    """Return why `response` is not the expected one, "" where it is."""
    status = response.status
    if expect is None:
        return "" if status in _SUCCESS else f"answered {status}, not 2xx"
    if callable(expect):
        answer = expect(response)
        return "" if answer else f"answered {status}, and expect= returned {answer!r}"
    wanted = (expect,) if isinstance(expect, int) else tuple(expect)
    if status in wanted:
        return ""
    return f"answered {status}, not {' or '.join(map(str, wanted))}"


def _statuses(request: Request) -> frozenset[int] | None:
    expect = request.expect
    if expect is None:
        return frozenset(_SUCCESS)
    if callable(expect):
        return None
    wanted = (expect,) if isinstance(expect, int) else tuple(expect)
    if not wanted or not all(isinstance(status, int) for status in wanted):
        text = f"{request}: expect={expect!r} is no status, no list of them, and no function"
        raise SettingError(text)
    return frozenset(wanted)


def _encode_body(request: Request) -> tuple[bytes, str]:
    if request.json is not None:
        try:
            text = json_module.dumps(request.json, ensure_ascii=False)
        except (TypeError, ValueError) as cause:
            raise SettingError(f"{request}: json= cannot be encoded: {cause}") from cause
        return text.encode(), "application/json"
    match request.data:
        case None:
            return b"", ""
        case bytes():
            return request.data, ""
        case str():
            return request.data.encode(), "text/plain; charset=utf-8"
        case _:
            form = urlencode(request.data, safe="{}")
            return form.encode(), "application/x-www-form-urlencoded"
