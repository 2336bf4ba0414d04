"""The labels on everything that we make on an engine: whose it is, and until when."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pytest_echoleak.services.owner import current_owner, owner_state, parse_owner

OWNER = "pytest-echoleak.owner"
DEADLINE = "pytest-echoleak.deadline"
SERVICE = "pytest-echoleak.service"
IMAGE = "pytest-echoleak.image"
STAGE = "pytest-echoleak.stage"
AGENT = "pytest-echoleak.agent"

# Longer than any suite runs; only what belongs to another machine's pytest waits for it.
LIFETIME_SECONDS = 6 * 3600


def container_labels(service: str) -> dict[str, str]:
    """Return the labels of a container that this process makes now."""
    return {
        OWNER: current_owner().label(),
        DEADLINE: str(int(time.time()) + LIFETIME_SECONDS),
        SERVICE: service,
    }


def is_left_over(labels: Mapping[str, str], now: float) -> bool:
    """Tell whether a container with these labels has lost its pytest.

    An owner of another boot or pid namespace cannot be asked: its deadline decides, and without a
    readable one the container stays.
    """
    owner = parse_owner(labels.get(OWNER, ""))
    state = "foreign" if owner is None else owner_state(owner)
    if state != "foreign":
        return state == "dead"
    deadline = labels.get(DEADLINE, "")
    return deadline.isdecimal() and int(deadline) < now
