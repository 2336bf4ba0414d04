"""What the engine is told when it creates a service's container: limits, ports, environment."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any

from pytest_echoleak.agent.endpoint import agent_environment
from pytest_echoleak.errors import SettingError
from pytest_echoleak.services.containers.engine import Reach
from pytest_echoleak.services.containers.labels import container_labels
from pytest_echoleak.services.containers.recipe import Recipe
from pytest_echoleak.services.settings import pprof_port, resolve_environment
from pytest_echoleak.services.specs import Startable, describe

_PIDS_LIMIT = 4096
_LOG_FILE_SIZE = "4m"
_LOG_FILES = "2"
_AGENT_PORTS = range(40_807, 40_810)


@dataclass(frozen=True)
class AgentPlace:
    """Where in its container an agent is to listen, and for whom."""

    port: int
    token: str = field(repr=False)


def agent_port(spec: Startable) -> int:
    """Return a port that the service does not use itself, as far as its spec tells."""
    if spec.network == "host":
        with socket.create_server(("127.0.0.1", 0)) as free:
            return int(free.getsockname()[1])
    return next(port for port in _AGENT_PORTS if port not in {spec.port, pprof_port(spec)})


def creation_arguments(
    spec: Startable, recipe: Recipe, reach: Reach, agent: AgentPlace | None = None
) -> dict[str, Any]:
    """Return what the SDK is told to create: what is limited, published, labelled, writable."""
    from docker.types import LogConfig, Mount

    on_host_network = spec.network == "host"
    machine = "127.0.0.1" if on_host_network else reach.machine
    is_local = reach.publish_address == "127.0.0.1"
    listen_address = "127.0.0.1" if on_host_network and is_local else "0.0.0.0"
    environment, args = resolve_environment(
        spec,
        port=spec.port,
        addr=f"{listen_address}:{spec.port}",
        host=machine,
        inherited_godebug=recipe.environment.get("GODEBUG", ""),
        exact_from_start=agent is None,
    )
    if agent is not None:
        environment |= agent_environment(f"{listen_address}:{agent.port}", agent.token)
    arguments: dict[str, Any] = {
        "environment": environment,
        "labels": container_labels(describe(spec)),
        "network": spec.network or reach.network,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": spec.memory,
        # The same limit with swap: a leak is to be seen, not swapped out.
        "memswap_limit": spec.memory,
        "pids_limit": _PIDS_LIMIT,
        "tmpfs": {"/tmp": "mode=1777"},
        "mounts": [
            Mount(str(recipe.working_folder / folder), None, type="volume")
            for folder in spec.writable
        ],
        "log_config": LogConfig(
            type="json-file", config={"max-size": _LOG_FILE_SIZE, "max-file": _LOG_FILES}
        ),
    }
    if args:
        arguments["command"] = args
    if reach.publish_address and not on_host_network:
        ports = {spec.port, pprof_port(spec) or spec.port, agent.port if agent else spec.port}
        arguments["ports"] = {f"{port}/tcp": (reach.publish_address, None) for port in ports}
    if is_local:
        arguments["extra_hosts"] = {reach.machine: "host-gateway"}
    return arguments


def memory_bytes(memory: str) -> int:
    """Return a memory limit in bytes. Raises SettingError where Docker would not understand it."""
    import docker.errors
    from docker.utils import parse_bytes

    try:
        limit_bytes = int(parse_bytes(memory))
    except (docker.errors.DockerException, ValueError, TypeError) as cause:
        raise SettingError(f"memory={memory!r}: write it as Docker does: '512m', '1g'") from cause
    if limit_bytes < 6 << 20:
        raise SettingError(f"memory={memory!r}: Docker allows no limit below 6m")
    return limit_bytes
