"""Where nothing can be told, nothing is sent; how it is on services: integration."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pytest_echoleak.options import Options
from pytest_echoleak.service import EchoService
from pytest_echoleak.trials import attributed
from pytest_echoleak.workload.workload import to_workload
from tests.causes.made import allocated, clues, container

NO_SERVICE = cast(EchoService, None)
LEAK = clues(allocated())


@pytest.mark.parametrize(
    ("workload", "found", "seconds_left"),
    [
        ("GET /", LEAK, 60.0),  # one request, always the same
        (lambda: None, LEAK, 60.0),
        (["GET /", "GET /a"], LEAK, 0.3),
        (["GET /", "GET /a"], LEAK, -1.0),
        ("GET /{i}", LEAK, 0.0),
        ("GET /{i}", clues(container(inner="runtime.growslice"), finding={"objects": 0}), 0.0),
    ],
)
def test_nothing_is_sent_where_nothing_can_be_told(
    workload: Any, found: Any, seconds_left: float
) -> None:
    options = Options()
    (same,) = attributed([found], NO_SERVICE, to_workload(workload), options, seconds_left)
    assert same is found
