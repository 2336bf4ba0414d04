"""Where the ports of a container are reached."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_echoleak.services.containers.engine import Reach
from pytest_echoleak.services.containers.places import place_of

LOCAL = Reach("127.0.0.1", "127.0.0.1", None, "host.docker.internal")
REMOTE = Reach("0.0.0.0", "engine.example.com", None, "here.example.com")


def container(address: str, gateway: str) -> dict[str, Any]:
    return {
        "HostConfig": {"NetworkMode": "bridge"},
        "NetworkSettings": {
            "Networks": {"bridge": {"IPAddress": address, "Gateway": gateway}},
            "Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]},
        },
    }


def test_a_network_of_this_machine_is_gone_through() -> None:
    """Loopback stands for a bridge: the way to its addresses leads through one of our own."""
    found = container("127.0.0.2", "127.0.0.1")
    assert place_of(found, LOCAL, 8080) == "127.0.0.2:8080"


@pytest.mark.parametrize("gateway", ["192.0.2.1", ""])
def test_an_address_that_may_be_somebody_elses_is_not(gateway: str) -> None:
    found = container("127.0.0.2", gateway)
    assert place_of(found, LOCAL, 8080) == "127.0.0.1:32768"


def test_a_remote_engine_is_reached_at_its_own_address() -> None:
    found = container("127.0.0.2", "127.0.0.1")
    assert place_of(found, REMOTE, 8080) == "engine.example.com:32768"


def test_what_is_not_published_yet_has_no_place() -> None:
    found = container("127.0.0.2", "127.0.0.1")
    found["NetworkSettings"]["Ports"] = {}
    assert place_of(found, LOCAL, 8080) is None
