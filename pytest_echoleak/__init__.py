"""Make memory leaks in Go services fail a test.

The names below are the whole public interface. They are looked up when first used, so that pytest
can load the plugin of this package without loading Docker's client, requests or protobuf.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_echoleak.assertions import (
        InconclusiveError,
        LeakError,
        assert_goroutine_growth,
        assert_heap_growth,
        assert_no_leak,
    )
    from pytest_echoleak.causes.cause import Cause
    from pytest_echoleak.causes.clues import Clues
    from pytest_echoleak.errors import (
        BuildError,
        EcholeakError,
        EngineError,
        ProfileError,
        ServiceError,
        SettingError,
        SnapshotError,
        WorkloadError,
    )
    from pytest_echoleak.heap_dumps import HeapDump
    from pytest_echoleak.results import Finding, LeakReport
    from pytest_echoleak.service import EchoService, EchoServices, start
    from pytest_echoleak.services.specs import Binary, Dockerfile, GoSource, Image, Running
    from pytest_echoleak.tolerance import Allow, Tolerance
    from pytest_echoleak.workload.request import Request

_HOMES = {
    "assertions": (
        "InconclusiveError",
        "LeakError",
        "assert_goroutine_growth",
        "assert_heap_growth",
        "assert_no_leak",
    ),
    "causes.cause": ("Cause",),
    "causes.clues": ("Clues",),
    "errors": (
        "BuildError",
        "EcholeakError",
        "EngineError",
        "ProfileError",
        "ServiceError",
        "SettingError",
        "SnapshotError",
        "WorkloadError",
    ),
    "heap_dumps": ("HeapDump",),
    "results": ("Finding", "LeakReport"),
    "service": ("EchoService", "EchoServices", "start"),
    "services.specs": ("Binary", "Dockerfile", "GoSource", "Image", "Running"),
    "tolerance": ("Allow", "Tolerance"),
    "workload.request": ("Request",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Allow",
    "Binary",
    "BuildError",
    "Cause",
    "Clues",
    "Dockerfile",
    "EchoService",
    "EchoServices",
    "EcholeakError",
    "EngineError",
    "Finding",
    "GoSource",
    "HeapDump",
    "Image",
    "InconclusiveError",
    "LeakError",
    "LeakReport",
    "ProfileError",
    "Request",
    "Running",
    "ServiceError",
    "SettingError",
    "SnapshotError",
    "Tolerance",
    "WorkloadError",
    "assert_goroutine_growth",
    "assert_heap_growth",
    "assert_no_leak",
    "start",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
