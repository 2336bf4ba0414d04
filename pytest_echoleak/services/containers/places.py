"""Where the ports of a container are reached."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from pytest_echoleak.services.containers.engine import Reach, url_host

_LOOPBACK = "127.0.0.1"
_ANY_PORT = 9


def place_of(found: Mapping[str, Any], reach: Reach, port: int) -> str | None:
    """Return host:port where `port` of the container is reached, None while it is not known."""
    settings = found["NetworkSettings"]
    if found["HostConfig"].get("NetworkMode") == "host":
        return f"{url_host(reach.connect_host or '127.0.0.1')}:{port}"
    if reach.connect_host is None:
        network = (settings.get("Networks") or {}).get(reach.network) or {}
        address = network.get("IPAddress")
        return f"{url_host(address)}:{port}" if address else None
    bindings = (settings.get("Ports") or {}).get(f"{port}/tcp") or []
    published = next((entry["HostPort"] for entry in bindings if entry.get("HostPort")), None)
    if not published:
        return None
    direct = _bridged_address(settings) if reach.connect_host == _LOOPBACK else None
    return f"{direct}:{port}" if direct else f"{url_host(reach.connect_host)}:{published}"


def _bridged_address(settings: Mapping[str, Any]) -> str | None:
    """Return the container's own address where this machine has a leg in its network, else None.

    A published port is served by a proxy that takes half of a fast service's speed. The network's
    gateway must be an address of this very machine, and the way to the container lead through it:
    an address like these may be somebody else's, in a VPN.
    """
    for network in (settings.get("Networks") or {}).values():
        address, gateway = network.get("IPAddress"), network.get("Gateway")
        if not address or not gateway:
            continue
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as way:
            try:
                way.connect((address, _ANY_PORT))  # sends nothing
                if way.getsockname()[0] == gateway:
                    return str(address)
            except OSError:
                continue
    return None
