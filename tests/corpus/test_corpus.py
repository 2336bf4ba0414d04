"""The plugin says of the services of the corpus what their labels say.

Of every second case, so that the suite stays short: `ECHOLEAK_CORPUS=all` takes each of them, and
`make corpus` at the plugin's defaults.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_echoleak.service import EchoServices
from tests.corpus import labels
from tests.corpus.checking import check, check_running, complaints, spec
from tests.corpus.labels import Case, Service

PAIRS = [(service, case) for service in labels.load() for case in service.cases]
IN_DOCKER = [pair for pair in PAIRS if pair[1].docker]
IN_PROCESS = PAIRS if os.environ.get("ECHOLEAK_CORPUS") == "all" else PAIRS[::2]
# No cache of a service that leaks has more entries; the healthy ones are checked at the default.
_PLATEAU_OF_LEAKS = 2000


def name_of(value: object) -> str:
    return value.name if isinstance(value, Case) else ""


@pytest.fixture(scope="module")
def processes() -> Iterator[EchoServices]:
    services = EchoServices("process")
    yield services
    services.close()


@pytest.fixture(scope="module")
def containers(docker_engine: object) -> Iterator[EchoServices]:
    del docker_engine
    services = EchoServices("docker")
    yield services
    services.close()


def quickly(case: Case) -> dict[str, Any]:
    """Return the settings under which a case is decided fast, where its label has none.

    What grows in steps takes its time.
    """
    if case.verdict == "clean" or case.objects == 0:
        return {}
    return {"plateau": _PLATEAU_OF_LEAKS, "expiry": 1.0}


@pytest.mark.parametrize(("service", "case"), IN_PROCESS, ids=name_of)
def test_a_case_in_a_process(service: Service, case: Case, processes: EchoServices) -> None:
    assert complaints(check(processes, service, case, **quickly(case))) == []


@pytest.mark.parametrize(("service", "case"), IN_DOCKER, ids=name_of)
def test_a_case_in_a_container(service: Service, case: Case, containers: EchoServices) -> None:
    assert complaints(check(containers, service, case, **quickly(case))) == []


def test_a_leak_that_was_found_is_not_called_clean_the_next_time(processes: EchoServices) -> None:
    """A slice that leaked has room for thousands more: that it is still a while says nothing."""
    ((service, case),) = [pair for pair in PAIRS if pair[1].name == "durations/leak"]
    running = processes.fresh(spec(service))
    try:
        first, again = (check_running(running, case, {"plateau": 5000}) for _ in range(2))
    finally:
        running.stop()
    assert first.verdict == "leak"
    assert again.verdict in ("leak", "inconclusive")
