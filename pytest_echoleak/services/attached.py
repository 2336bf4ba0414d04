"""A service that already runs somewhere: driven and read, never started or stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pytest_echoleak.errors import ServiceError, SettingError
from pytest_echoleak.services.instance import Endpoints, Instance, Module, Runtime
from pytest_echoleak.services.readiness import wait_until_ready
from pytest_echoleak.services.settings import pprof_url
from pytest_echoleak.services.specs import Running, Spec, describe
from pytest_echoleak.transport import split_url

_LOOPBACK_NAMES = frozenset({"localhost", "::1"})


def attach(spec: Running, *, ready_timeout_seconds: float) -> AttachedInstance:
    """Return the service once it answers. Raises ServiceError, SettingError."""
    instance = AttachedInstance(spec)
    wait_until_ready(instance, spec, timeout_seconds=ready_timeout_seconds)
    return instance


class AttachedInstance:
    """A Go service of which only its address is known."""

    def __init__(self, spec: Running) -> None:
        """Raises SettingError where the URL is none."""
        base_url = spec.url.rstrip("/")
        try:
            split_url(base_url)
        except ValueError as cause:
            raise SettingError(f"url= of Running: {cause}") from cause
        self._spec = spec
        self._endpoints = Endpoints(base_url, pprof_url(spec, base_url), dict(spec.headers))

    @property
    def name(self) -> str:
        """What messages call it."""
        return describe(self._spec)

    @property
    def runtime(self) -> Runtime:
        """How it runs."""
        return "attached"

    @property
    def modules(self) -> tuple[Module, ...]:
        """Empty: nothing tells."""
        return ()

    @property
    def go_version(self) -> str:
        """Empty: nothing tells."""
        return ""

    @property
    def note(self) -> str:
        """Empty: it was not built here."""
        return ""

    @property
    def memory_limit_bytes(self) -> int | None:
        """None: it is not known."""
        return None

    def endpoints(self) -> Endpoints:
        """Return where it is reached."""
        return self._endpoints

    def identity(self) -> str:
        """Return always the same: which process serves there cannot be known."""
        return self._endpoints.base_url

    def ending(self) -> str | None:
        """Return None: whether it ended cannot be known."""
        return None

    def logs(self) -> str:
        """Return "": what it prints goes elsewhere."""
        return ""

    def program_file(self, folder: Path) -> Path | None:  # noqa: ARG002
        """Return None: its program may be on another machine."""
        return None

    def restart(self) -> None:
        """Raise ServiceError: it is not ours to restart."""
        raise ServiceError(
            f"{self.name} was started by someone else, and cannot be restarted from here: give a "
            "GoSource, a Binary, an Image or a Dockerfile where a test needs a fresh service."
        )

    def stop(self) -> None:
        """Do nothing: it goes on for whoever started it."""


@contextmanager
def exclusive(target: Instance | Spec, *, timeout_seconds: float = 900.0) -> Iterator[None]:
    """Hold a shared service for one check at a time, across the workers of pytest-xdist.

    Only a service that already ran is shared: for any other this does nothing. Raises ServiceError
    where others hold it for longer than `timeout_seconds`.
    """
    url = _shared_url(target)
    if url is None:
        yield
        return
    import filelock

    from pytest_echoleak.services.cache import cache_folder

    folder = cache_folder() / "locks"
    folder.mkdir(exist_ok=True)
    digest = hashlib.sha256(_canonical(url).encode()).hexdigest()[:24]
    lock = filelock.FileLock(str(folder / f"attached-{digest}.lock"), timeout=timeout_seconds)
    try:
        lock.acquire()
    except filelock.Timeout as cause:
        raise ServiceError(
            f"{url} is shared by several pytest workers, and another one's check has held it for "
            f"{timeout_seconds:g} s: one check at a time is all that such a service allows. Run "
            "fewer workers, or give each a service of its own (GoSource, Binary, Image)."
        ) from cause
    try:
        yield
    finally:
        lock.release()


def _shared_url(target: Instance | Spec) -> str | None:
    if isinstance(target, Running):
        return target.url
    if isinstance(target, AttachedInstance):
        return target.endpoints().base_url
    return None


def _canonical(url: str) -> str:
    """Return the origin of `url` in one spelling: paths of one server are one service."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{'127.0.0.1' if host in _LOOPBACK_NAMES else host}:{port}"
