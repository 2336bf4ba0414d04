"""What tests share: an engine, or a loud reason why there is none."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from pytest_echoleak.errors import EngineError
from pytest_echoleak.services.containers.engine import Engine, connect
from tests.golang_image import ensure_golang_image

pytest_plugins = ["pytester"]


def pytest_configure() -> None:
    """Hear SIGINT, which a process that was started in the background ignores, as its children do.

    Tests interrupt their children by it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """A Docker engine that answers. Without one: a skip on a laptop, a failure where CI is set."""
    try:
        engine = connect()
    except EngineError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI is set, so that the Docker tests must run. {error}", pytrace=False)
        pytest.skip(f"DOCKER TEST NOT RUN: {error}")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def golang_image(docker_engine: Engine) -> str:
    """An image `golang:1.26`: one pulled earlier, or a stand-in made of this machine's Go."""
    return ensure_golang_image(docker_engine)
