"""The Docker engine: where it is, whether it answers, and how a container on it is reached."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_echoleak.errors import EngineError
from pytest_echoleak.text import printable_line

if TYPE_CHECKING:
    from docker import DockerClient

_ANSWER_SECONDS = 10
_CALL_SECONDS = 120
_HOST_GATEWAY = "host.docker.internal"
_CONTAINER_ID = re.compile(r"/containers/([0-9a-f]{64})/")
_SHORT_ID = re.compile(r"[0-9a-f]{12,64}")
_ANY_ADDRESS = "0.0.0.0"


@dataclass(frozen=True)
class Reach:
    """How containers are reached from here, and how they reach this machine.

    - `publish_address`: the engine's address to publish ports on; None: they are not published.
    - `connect_host`: where published ports are connected to; None: at the container's own address.
    - `network`: the network that a container must join to be reached, besides its own.
    - `machine`: the name or address of this machine, as containers see it.
    """

    publish_address: str | None
    connect_host: str | None
    network: str | None
    machine: str


@dataclass(frozen=True)
class Engine:
    """An engine that answered. `host` is its resolved address; goos and goarch as Go has them."""

    client: DockerClient
    host: str
    version: str
    goos: str
    goarch: str
    reach: Reach

    def close(self) -> None:
        """Close the connections to the engine."""
        self.client.close()

    def remove_container(self, name_or_id: str) -> bool:
        """Remove a container, running or not, with its volumes. False where there is none."""
        import docker.errors

        try:
            with engine_errors(self.host, f"remove the container {name_or_id}"):
                self.client.api.remove_container(name_or_id, v=True, force=True)
        except EngineError as error:
            cause = error.__cause__
            if isinstance(cause, docker.errors.NotFound):
                return False
            # Another pytest, or the engine itself, is removing it right now.
            if isinstance(cause, docker.errors.APIError) and cause.status_code == 409:
                return True
            raise
        return True


def connect() -> Engine:
    """Connect to the engine of DOCKER_HOST, else of the Docker context in force.

    Raises EngineError, which names the engine's address, what it answered, and what to do.
    """
    arguments, host = _resolve()
    with engine_errors(host, None):
        _knock(host)
        client = _client(**arguments, use_ssh_client=host.startswith("ssh://"))
    try:
        with engine_errors(host, None):
            version = client.version()
            reach = _reach(client, host)
        goos, goarch = str(version.get("Os", "linux")), str(version.get("Arch", "amd64"))
        if goos != "linux":
            raise EngineError(
                f"The Docker engine at {host} runs {goos} containers: switch it to Linux's."
            )
    except BaseException:
        client.close()
        raise
    client.api.timeout = _CALL_SECONDS
    return Engine(client, host, str(version.get("Version", "")), goos, goarch, reach)


@contextmanager
def engine_errors(host: str, doing: str | None) -> Iterator[None]:
    """Turn whatever the SDK raises into EngineError; `doing` None means the first contact."""
    import docker.errors
    import requests

    try:
        yield
    except (docker.errors.DockerException, requests.RequestException, OSError) as cause:
        said = printable_line(explanation(cause), 500)
        if doing is not None:
            raise EngineError(f"The Docker engine at {host} did not {doing}: {said}") from cause
        raise EngineError(
            f"No Docker engine answers at {host}: {said}. Start Docker, point DOCKER_HOST or"
            " `docker context use` at an engine that runs, or have services run as local processes"
            " (--echoleak-runtime=process)."
        ) from cause


def explanation(error: BaseException) -> str:
    """Return what an engine's error says, without the SDK's wrapping."""
    text = getattr(error, "explanation", None) or str(error) or type(error).__name__
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def url_host(host: str) -> str:
    """Return `host` as it is written in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _knock(host: str) -> None:
    """Raise OSError where nothing listens on a Unix socket: the SDK would leave its own open."""
    parts = urlsplit(host)
    if parts.scheme == "unix" and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_ANSWER_SECONDS)
            probe.connect(parts.path)


def _client(**arguments: Any) -> DockerClient:
    """Return a client that has agreed on a version with the engine, or close what it opened.

    The SDK's own constructor does neither close its sockets nor give itself away when it fails.
    """
    import docker

    api = docker.APIClient.__new__(docker.APIClient)
    try:
        api.__init__(**arguments, timeout=_ANSWER_SECONDS)  # type: ignore[misc]
    except BaseException:
        api.close()
        raise
    client = docker.DockerClient.__new__(docker.DockerClient)
    client.api = api
    return client


def _resolve() -> tuple[dict[str, Any], str]:
    """Return the SDK's arguments and the engine's address. Contexts are ours to read before 7.2."""
    import docker.errors
    from docker import constants
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    stated = os.environ.get("DOCKER_HOST")
    if stated:
        with engine_errors(stated, None):
            return dict(kwargs_from_env()), stated
    name = os.environ.get("DOCKER_CONTEXT") or None
    default = constants.DEFAULT_NPIPE if os.name == "nt" else "unix:///var/run/docker.sock"
    try:
        context = ContextAPI.get_context(name)
    except (docker.errors.DockerException, OSError, ValueError, KeyError) as cause:
        raise EngineError(f"The Docker context {name or ''} cannot be read: {cause}") from cause
    if context is None:
        raise EngineError(
            f"There is no Docker context {name or 'of the name that is in use'}: see"
            " `docker context ls`, or set DOCKER_HOST."
        )
    if context.Name == "default" or not context.Host:
        return {}, default
    arguments: dict[str, Any] = {"base_url": context.Host}
    if context.TLSConfig is not None:
        arguments["tls"] = context.TLSConfig
    return arguments, str(context.Host)


def _reach(client: DockerClient, host: str) -> Reach:
    return reach(host, _own_networks(client))


def reach(host: str, own_networks: Mapping[str, str] | None) -> Reach:
    """Decide how containers are reached on the engine at `host`.

    `own_networks`: the networks, and our address in each, of the container that pytest itself runs
    in beside the engine; None where pytest runs in none of this engine's containers.
    """
    for network, address in (own_networks or {}).items():
        if address:
            return Reach(None, None, network, address)
    remote = _remote_host(host)
    if remote is None:
        return Reach("127.0.0.1", "127.0.0.1", None, _HOST_GATEWAY)
    return Reach(_ANY_ADDRESS, remote, None, _address_towards(remote))


def _remote_host(host: str) -> str | None:
    """Return the name of the machine that the engine runs on, None where it is this one."""
    parts = urlsplit(host)
    if parts.scheme not in {"tcp", "http", "https", "ssh"} or not parts.hostname:
        return None
    if parts.hostname == "localhost":
        return None
    try:
        is_loopback = ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        is_loopback = False
    return None if is_loopback else parts.hostname


def _address_towards(remote: str) -> str:
    """Return the address of ours that packets to `remote` are sent from. Nothing is sent."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(remote, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return _HOST_GATEWAY


def _own_networks(client: DockerClient) -> dict[str, str] | None:
    import docker.errors

    if not any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")):
        return None
    for candidate in _own_container_ids():
        try:
            found = client.api.inspect_container(candidate)
        except docker.errors.APIError:
            continue
        networks = found["NetworkSettings"]["Networks"] or {}
        return {name: network.get("IPAddress") or "" for name, network in networks.items()}
    return None


def _own_container_ids() -> list[str]:
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        mounts = ""
    hostname = socket.gethostname()
    by_name = [hostname] if _SHORT_ID.fullmatch(hostname) else []
    return list(dict.fromkeys(_CONTAINER_ID.findall(mounts) + by_name))
