"""What tests share: an engine, or a loud reason why there is none."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def lean_runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Keep another plugin's long imports out of the runs that tests make."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project whose checks are scripted."""
    pytester.makeconftest((Path(__file__).parent / "fake_conftest.py").read_text())
    return pytester


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
