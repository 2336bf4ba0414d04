"""When a service that was started is ready, and whether its pprof answers."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from pytest_echoleak.errors import ServiceError, SnapshotError
from pytest_echoleak.services.instance import Endpoints, Instance
from pytest_echoleak.services.settings import pprof_port
from pytest_echoleak.services.specs import Running, ServiceSettings
from pytest_echoleak.text import printable_line, with_log
from pytest_echoleak.transport import Response, TransportError, decompressed, fetch

_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.2
_ONE_ANSWER_SECONDS = 5.0
_PPROF_START_SECONDS = 3.0
_PPROF_ANSWER_SECONDS = 20.0
_PPROF_LIMIT_BYTES = 64 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_NOT_LISTENING = frozenset({"refused", "reset", "closed"})
_LOGIN_WORDS = re.compile(r"log-?in|sign-?in|auth|sso|session", re.IGNORECASE)


def wait_until_ready(
    instance: Instance, spec: ServiceSettings | Running, *, timeout_seconds: float
) -> None:
    """Return once the service answers: 2xx at `spec.ready`, or anything at all at `/`.

    Raises ServiceError, with the service's last log lines, where it ends before that, and where
    `timeout_seconds` pass: then the message says what the last answer was.
    """
    path = None if isinstance(spec, Running) else spec.ready
    url = instance.endpoints().base_url.rstrip("/") + "/" + (path or "").lstrip("/")
    deadline = time.monotonic() + timeout_seconds
    pause_seconds = _FIRST_PAUSE_SECONDS
    while True:
        left_seconds = max(deadline - time.monotonic(), 0.001)
        outcome = _ask(url, min(left_seconds, _ONE_ANSWER_SECONDS))
        ending = instance.ending()
        if ending is not None:
            raise ServiceError(
                with_log(f"{instance.name} ended before it was ready: {ending}.", instance.logs())
            )
        if isinstance(outcome, Response) and (path is None or 200 <= outcome.status < 300):
            return
        if time.monotonic() + pause_seconds >= deadline:
            raise ServiceError(_not_ready_text(instance, url, timeout_seconds, outcome))
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)


def check_pprof(
    endpoints: Endpoints, instance: Instance, spec: ServiceSettings | Running | None = None
) -> None:
    """Return where pprof serves profiles at its place. Raises SnapshotError, which says what to do.

    What is asked for is the goroutine profile. A snapshot needs it anyway, it is cheap whatever
    the profile rate (a heap profile at rate 1 takes half a second), and it is conclusive: profiles
    are gzip, which no error page, login form or single-page application is. `cmdline` and the
    index, being text, would prove nothing.
    """
    url = f"{endpoints.pprof_url}/goroutine"
    outcome = _ask_pprof(url, endpoints, instance)
    if isinstance(outcome, Response):
        fault = _pprof_fault(outcome)
        if fault is None:
            return
    else:
        fault = _unreached_text(outcome, instance, spec)
    ending = instance.ending()
    if ending is not None:
        raise ServiceError(with_log(f"{instance.name} ended: {ending}.", instance.logs()))
    text = f"{instance.name} serves no profiles: GET {url} {fault}"
    if instance.note:
        text += f" (It was {instance.note})"
    raise SnapshotError(with_log(text, instance.logs()))


def _ask_pprof(url: str, endpoints: Endpoints, instance: Instance) -> Response | TransportError:
    """Return the answer, or why there is none.

    A pprof server of its own may start a moment after the service's: it is waited for.
    """
    deadline = time.monotonic() + _PPROF_START_SECONDS
    while True:
        try:
            return fetch(
                url,
                endpoints.pprof_headers,
                timeout_seconds=_PPROF_ANSWER_SECONDS,
                limit_bytes=_PPROF_LIMIT_BYTES,
            )
        except TransportError as error:
            late = time.monotonic() >= deadline
            if error.reason not in _NOT_LISTENING or late or instance.ending() is not None:
                return error
        time.sleep(_LONGEST_PAUSE_SECONDS)


def _ask(url: str, timeout_seconds: float) -> Response | TransportError:
    try:
        return fetch(url, timeout_seconds=timeout_seconds)
    except TransportError as error:
        return error


def _not_ready_text(
    instance: Instance, url: str, timeout_seconds: float, outcome: Response | TransportError
) -> str:
    if isinstance(outcome, Response):
        last = f"the last answer was {_status(outcome)}"
        hint = "The spec's ready= must be a path that answers 2xx once the service can work."
    else:
        last = f"the last attempt ended with: {printable_line(str(outcome))}"
        hint = _LISTENING_HINTS[instance.runtime] if outcome.reason in _NOT_LISTENING else ""
    text = f"{instance.name} was not ready within {timeout_seconds:g} s: GET {url}: {last}."
    if hint:
        text += f"\n{hint}"
    return with_log(text, instance.logs())


_LISTENING_HINTS = {
    "docker": (
        "Does it listen on 0.0.0.0 and not on 127.0.0.1, and on the spec's port= (the environment "
        "has PORT and ADDR, and env= and args= may name {port} and {addr})?"
    ),
    "process": (
        "Does it listen where it is told to (the environment has PORT and ADDR, and env= and args= "
        "may name {port} and {addr})? A local process gets a free port, never the spec's."
    ),
    "attached": "Is the service running, and is the URL right?",
}


@runtime_checkable
class _SeesListeners(Protocol):
    """An instance that can tell why a port of its container is not reached."""

    def unreachable_reason(self, port: int) -> str | None: ...


def _pprof_fault(response: Response) -> str | None:
    status = response.status
    if status in {401, 403}:
        return (
            f"answered {_status(response)}: pprof is behind a login. Give the spec the headers "
            'that open it: headers={"Authorization": "Bearer ..."}.'
        )
    if 300 <= status < 400:
        return _redirect_text(response)
    if status == 404:
        return (
            "answered 404: no pprof there. With net/http's default mux import _ "
            '"net/http/pprof"; with Echo add e.GET("/debug/pprof/*", '
            "echo.WrapHandler(http.DefaultServeMux)) beside the import. If it is elsewhere, say "
            'so: pprof="/internal/pprof" or pprof=":6060/debug/pprof".'
        )
    if not 200 <= status < 300:
        return f"answered {_status(response)}: {printable_line(_body_text(response), 200)}"
    return _content_fault(response)


def _redirect_text(response: Response) -> str:
    place = printable_line(response.header("location"))
    text = f"answered {_status(response)}, a redirect to {place!r}"
    if _LOGIN_WORDS.search(place):
        return (
            f"{text}: pprof is behind a login. Give the spec the headers that open it: "
            'headers={"Cookie": "..."}.'
        )
    return f"{text}. Redirects are not followed: give pprof= the place itself."


def _content_fault(response: Response) -> str | None:
    try:
        body = decompressed(response, _PPROF_LIMIT_BYTES)
    except TransportError as error:
        return f"answered with a body that cannot be read: {error}."
    if body.startswith(_GZIP_MAGIC):
        return None
    kind = printable_line(response.header("content-type")) or "no content type"
    if "html" in kind.lower() or body.lstrip()[:1] == b"<":
        return (
            f"answered 200 with an HTML page ({kind}) in place of a profile: a proxy, a login form "
            "or a single-page application answers there. Give pprof= the place where the service "
            "itself serves pprof, or headers= that open it."
        )
    return (
        f"answered 200 with something that is no profile ({kind}, {len(body)} bytes). Give pprof= "
        "the place where net/http/pprof is served."
    )


def _unreached_text(
    error: TransportError, instance: Instance, spec: ServiceSettings | Running | None
) -> str:
    text = f"failed: {printable_line(str(error))}."
    if error.reason not in _NOT_LISTENING:
        return text
    if instance.runtime != "docker":
        return f"{text} Nothing listens there: is pprof= right, and does the service start pprof?"
    reason = None
    if isinstance(instance, _SeesListeners) and isinstance(spec, ServiceSettings):
        reason = instance.unreachable_reason(pprof_port(spec) or spec.port)
    if reason is not None:
        return f"{text} In its container, {reason}."
    return (
        f"{text} If pprof listens on 127.0.0.1 or localhost, that is the container's own "
        'loopback, which nothing outside reaches: let it listen on 0.0.0.0, as in ":6060".'
    )


def _status(response: Response) -> str:
    try:
        return f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return str(response.status)


def _body_text(response: Response) -> str:
    return response.body[:1000].decode("utf-8", "replace")
