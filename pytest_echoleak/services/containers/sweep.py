"""Removing what a killed pytest left on an engine."""

from __future__ import annotations

import time

from pytest_echoleak.services.containers.engine import Engine, engine_errors
from pytest_echoleak.services.containers.labels import OWNER, is_left_over


def sweep(engine: Engine) -> tuple[str, ...]:
    """Remove our containers whose pytest is gone, with their volumes; return their names."""
    now = time.time()
    with engine_errors(engine.host, "list containers"):
        found = engine.client.api.containers(all=True, filters={"label": OWNER})
    left_over = [entry for entry in found if is_left_over(entry.get("Labels") or {}, now)]
    for entry in left_over:
        engine.remove_container(entry["Id"])
    return tuple(entry["Names"][0].lstrip("/") for entry in left_over if entry.get("Names"))
