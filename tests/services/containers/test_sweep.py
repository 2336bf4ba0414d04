from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_echoleak import GoSource
from pytest_echoleak.services.containers.container import start_container
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.containers.labels import (
    DEADLINE,
    OWNER,
    container_labels,
    is_left_over,
)
from pytest_echoleak.services.containers.sweep import sweep
from pytest_echoleak.services.owner import current_owner
from tests.goapps import app

STARTER = """
import sys
from pytest_echoleak import GoSource
from pytest_echoleak.services.containers.container import start_container

spec = GoSource(sys.argv[1], writable=["data"])
instance = start_container(spec, ready_timeout_seconds=30)
print(instance.identity().split()[0], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def starter() -> Iterator[subprocess.Popen[str]]:
    """A process that has started a service in a container, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(app("plain"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def container_id_of(starter: subprocess.Popen[str]) -> str:
    assert starter.stdout is not None
    return starter.stdout.readline().strip()


def volumes(engine: Engine, container_id: str) -> list[str]:
    mounts = engine.client.api.inspect_container(container_id)["Mounts"]
    return [mount["Name"] for mount in mounts if mount["Type"] == "volume"]


def exists(engine: Engine, container_id: str) -> bool:
    found = engine.client.api.containers(all=True, filters={"id": container_id})
    return bool(found)


def test_a_container_of_a_killed_owner_is_removed_with_its_volumes(
    docker_engine: Engine, starter: subprocess.Popen[str]
) -> None:
    container_id = container_id_of(starter)
    (volume,) = volumes(docker_engine, container_id)
    sweep(docker_engine)
    assert exists(docker_engine, container_id), "its owner lives"

    starter.send_signal(signal.SIGKILL)
    starter.wait()
    sweep(docker_engine)

    assert not exists(docker_engine, container_id)
    assert not docker_engine.client.volumes.list(filters={"name": volume})


def test_the_next_service_that_starts_sweeps(
    docker_engine: Engine, starter: subprocess.Popen[str]
) -> None:
    container_id = container_id_of(starter)
    starter.send_signal(signal.SIGKILL)
    starter.wait()

    start_container(GoSource(app("plain")), ready_timeout_seconds=30).stop()

    assert not exists(docker_engine, container_id)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_owner_that_is_ended_at_any_moment_leaves_nothing_after_a_sweep(
    docker_engine: Engine, how: signal.Signals
) -> None:
    """Moments are spread over a whole start: before, in and after create, start and readiness."""
    for tenths in range(2, 12):
        with subprocess.Popen(
            [sys.executable, "-c", STARTER, str(app("plain"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            time.sleep(tenths / 10)
            owner = f"_{process.pid}_"
            process.send_signal(how)
            process.wait(timeout=60)
        time.sleep(0.2)  # What the engine was asked for last may take it a moment.
        sweep(docker_engine)
        found = docker_engine.client.api.containers(all=True, filters={"label": OWNER})
        assert not [entry for entry in found if owner in entry["Labels"][OWNER]]


def test_only_what_lost_its_owner_is_left_over() -> None:
    now = time.time()
    own = container_labels("x")
    foreign = replace(current_owner(), boot="another-boot").label()
    dead = replace(current_owner(), started="1").label()

    assert not is_left_over(own, now + 1e6), "alive, however old"
    assert is_left_over({**own, OWNER: dead}, now)
    assert not is_left_over({**own, OWNER: foreign}, now)
    assert is_left_over({**own, OWNER: foreign}, int(own[DEADLINE]) + 1)
    assert not is_left_over({OWNER: foreign}, now + 1e9), "no deadline, no removal"
    assert not is_left_over({OWNER: "someone", DEADLINE: "soon"}, now + 1e9)
    assert not is_left_over({}, now)
