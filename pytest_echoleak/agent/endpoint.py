"""Where an agent listens, and what makes it do so."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AgentEndpoint:
    """Where the agent of a running service is reached.

    `profile_rate_bytes` is what the heap profile's rate is set to once the service is ready (1:
    every object is recorded from then on); None leaves it as the user chose it.
    """

    host: str
    port: int
    token: str = field(repr=False)
    profile_rate_bytes: int | None = 1


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_hex(32)


def agent_environment(address: str, token: str) -> dict[str, str]:
    """Return the environment variables that make the agent listen on `address` ("host:port")."""
    return {"ECHOLEAK_AGENT_ADDR": address, "ECHOLEAK_AGENT_TOKEN": token}
