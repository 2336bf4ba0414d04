"""Services that the integration tests share: each is built and started once per runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pytest_echoleak.service import EchoServices
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
