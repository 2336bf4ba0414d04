"""Services that the integration tests share: each is built and started once per runtime."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pytest_echoleak.service import EchoServices
from pytest_echoleak.services.cache import cache_folder
from pytest_echoleak.services.gobuild import find_go
from pytest_echoleak.services.launch import RuntimeChoice


class Pools:
    """A pool of running services for each runtime."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._pools: dict[RuntimeChoice, EchoServices] = {}

    def of(self, runtime: RuntimeChoice) -> EchoServices:
        if runtime not in self._pools:
            self._pools[runtime] = EchoServices(runtime, ready_timeout_seconds=30)
            self._stack.callback(self._pools[runtime].close)
        return self._pools[runtime]


@pytest.fixture(scope="session")
def pools() -> Iterator[Pools]:
    """The services of all these tests, by runtime; stopped at the end."""
    with ExitStack() as stack:
        yield Pools(stack)


@pytest.fixture(scope="session")
def cache_places() -> dict[str, str]:
    """Where Go and this plugin keep what they built, as environment variables say it."""
    names = ("GOCACHE", "GOMODCACHE", "GOPROXY", "GOTOOLCHAIN", "GOSUMDB")
    done = subprocess.run([find_go(), "env", "-json", *names], capture_output=True, check=True)
    return {**json.loads(done.stdout), "XDG_CACHE_HOME": str(cache_folder().parent)}


@pytest.fixture
def users_caches(
    cache_places: dict[str, str],
    pytester: pytest.Pytester,  # noqa: ARG001 - it sets another HOME
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Build with the user's caches in the runs of pytester, whose HOME is another."""
    for name, value in cache_places.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["docker", "process"])
def runtime(request: pytest.FixtureRequest) -> RuntimeChoice:
    """Each way to run a service. Docker only where an engine answers; see docker_engine."""
    chosen: RuntimeChoice = request.param
    if chosen == "docker":
        request.getfixturevalue("docker_engine")
    return chosen


@pytest.fixture
def services(runtime: RuntimeChoice, pools: Pools) -> EchoServices:
    """The pool of running services in one runtime."""
    return pools.of(runtime)


@pytest.fixture
def processes(pools: Pools) -> EchoServices:
    """The pool of services as local processes, for what does not depend on the runtime."""
    return pools.of("process")
