"""After a leak is found, single requests tell which of them leaks, and whether per value."""

from __future__ import annotations

from typing import Any

from pytest_echoleak import Request
from pytest_echoleak.service import EchoServices
from tests.integration.apps import caught, leaks


def test_of_several_requests_the_one_that_leaks_is_named(services: EchoServices) -> None:
    report = caught(services.get(leaks()), ["GET /healthy", "GET /object", "GET /goroutine"])

    told = {one.location.line: one.request for one in report.findings}
    assert sorted(told.values()) == [
        "leaks in GET /goroutine (1.000 per request); GET /healthy, GET /object do not",
        "leaks in GET /object (1.000 per request); GET /healthy, GET /goroutine do not",
    ]


def test_growth_with_new_values_alone_is_told_from_growth_with_each_call(
    services: EchoServices,
) -> None:
    service = services.get(leaks())
    once = "once per distinct value: the same value again and again leaves nothing"
    each = "with each call, also with the same value again and again"

    (per_value,) = caught(service, "GET /map?key={i}").findings
    (per_call,) = caught(service, "GET /object?key={i}").findings

    assert (per_value.request, per_value.cause) == (once, "unbounded-map")
    assert per_call.request == each


def test_a_function_is_called_with_one_number_again_and_again(services: EchoServices) -> None:
    service = services.get(leaks())
    session = service.session()
    numbers: list[int] = []

    def remember(number: int) -> None:
        numbers.append(number)
        session.get(f"/map?key={number}").raise_for_status()

    (found,) = caught(service, remember, warmup=20, iterations=300).findings

    assert found.request.startswith("once per distinct value")
    assert len(numbers) - len(set(numbers)) >= 50


def test_a_request_that_cannot_be_sent_alone_is_said_to_be_so(services: EchoServices) -> None:
    service = services.get(leaks())
    seen: list[Any] = []

    def only_at_first(response: Any) -> bool:
        seen.append(response)
        return len(seen) <= 500

    workload = ["GET /object", Request("GET", "/healthy", expect=only_at_first)]
    (found,) = caught(service, workload).findings

    assert found.request == (
        "leaks in GET /object (1.000 per request); GET /healthy could not be sent alone"
    )
