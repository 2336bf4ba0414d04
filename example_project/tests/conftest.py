"""What all tests of this folder share: the service under test."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_echoleak import GoSource

MODULE = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def echo_service_spec() -> GoSource:
    """Build and start this module's server, once for all tests."""
    return GoSource(
        MODULE,
        package="./cmd/server",
        env={"PPROF": "1", "LOG_LEVEL": "WARN"},
        ready="/healthz",
    )
