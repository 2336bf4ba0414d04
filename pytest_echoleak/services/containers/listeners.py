"""Which addresses a container listens on, as far as this machine's /proc tells."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"
_FAMILIES = ("tcp", "tcp6")


@dataclass(frozen=True)
class Listener:
    """A TCP socket that accepts connections."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only the container itself reaches it."""
        return ipaddress.ip_address(self.address).is_loopback


def parse_listeners(table: str) -> tuple[Listener, ...]:
    """Return the listening sockets of a `/proc/PID/net/tcp` or `tcp6`."""
    found: list[Listener] = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING:
            address, _, port = fields[1].rpartition(":")
            found.append(Listener(_address(address), int(port, 16)))
    return tuple(found)


def container_listeners(container_id: str, pid: int) -> tuple[Listener, ...] | None:
    """Return what the process `pid` of a container listens on, None where that cannot be seen.

    The pid is the engine's; it is this machine's too only where its control group says so.
    """
    process = Path("/proc", str(pid))
    try:
        if container_id not in (process / "cgroup").read_text(encoding="ascii"):
            return None
        tables = [(process / "net" / name).read_text(encoding="ascii") for name in _FAMILIES]
    except OSError:
        return None
    return tuple(listener for table in tables for listener in parse_listeners(table))


def unreachable_reason(listeners: tuple[Listener, ...], port: int) -> str | None:
    """Return why nothing outside the container reaches `port`, None where something may."""
    there = [listener for listener in listeners if listener.port == port]
    if any(not listener.is_loopback for listener in there):
        return None
    if there:
        return (
            f"it listens on {there[0].address}:{port}, the container's own loopback, which nothing"
            f" outside reaches: let it listen on 0.0.0.0:{port} (as ADDR in its environment says)"
        )
    ports = sorted({listener.port for listener in listeners})
    if not ports:
        return f"it listens on no port yet, and not on {port}"
    listed = ", ".join(map(str, ports))
    return f"it listens on {listed} and not on {port}: see the spec's port= and pprof="


def _address(text: str) -> str:
    """Decode an address: words of four bytes in the machine's own order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
