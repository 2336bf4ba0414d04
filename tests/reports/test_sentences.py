"""The one sentence that every report tells of a check."""

from __future__ import annotations

from pytest_echoleak.reports.sentences import sentence
from pytest_echoleak.results import Bounds
from tests.reports.made import goroutine, heap, leak, report


def test_a_leak_is_told_with_all_that_grows() -> None:
    assert sentence(leak(heap(), goroutine())) == (
        "GET /users/42 leaks 1.000 object (64 B) and 1.000 goroutine per request,"
        " over 1,000 requests"
    )


def test_only_what_grows_is_told() -> None:
    assert sentence(leak(goroutine())) == (
        "GET /users/42 leaks 1.000 goroutine per request, over 1,000 requests"
    )
    only_bytes = heap(objects_per_iteration=0.0, objects=0, bytes_per_iteration=8.0)
    assert sentence(leak(only_bytes)) == (
        "GET /users/42 leaks 8 B per request, over 1,000 requests"
    )


def test_findings_are_added_up() -> None:
    text = sentence(leak(heap(), heap(objects_per_iteration=2.0, bytes_per_iteration=36.0)))
    assert "leaks 3.000 objects (100 B) per request" in text


def test_a_pass_says_what_it_proved() -> None:
    assert sentence(report()) == (
        "GET /users/42 is clean: nothing stayed of 1,000 requests,"
        " so fewer than 1 in 140 leaks (99.9 %)"
    )


def test_a_pass_on_identical_requests_says_so() -> None:
    same = Bounds(excluded_rate=6.9 / 1000, detect=0.01, identical_requests=True)
    assert sentence(report(bounds=same)).endswith("leaks (99.9 %, identical requests)")


def test_a_pass_says_what_it_accepted() -> None:
    tolerated = report(reason="what grew is within the tolerance", bounds=None)
    assert sentence(tolerated) == (
        "GET /users/42 is clean after 1,000 requests: what grew is within the tolerance"
    )
    allowed = report(reason="nothing stayed but what Allow accepts")
    assert sentence(allowed) == (
        "GET /users/42 is clean after 1,000 requests: nothing stayed but what Allow accepts,"
        " so fewer than 1 in 140 leaks (99.9 %)"
    )


def test_several_requests_or_a_function_are_iterations() -> None:
    for workload in ("GET /a, POST /b", "browse()", "browse"):
        assert sentence(report(workload=workload)).startswith(
            f"{workload} is clean: nothing stayed of 1,000 iterations"
        )


def test_an_inconclusive_check_gives_its_reason() -> None:
    text = sentence(report(verdict="inconclusive", reason="growth neither stopped nor repeated"))
    assert text == (
        "GET /users/42 is inconclusive after 1,000 requests: growth neither stopped nor repeated"
    )


def test_an_error_is_never_called_a_leak() -> None:
    text = sentence(report(verdict="error", reason="ServiceError: it ended (exit code 2)"))
    assert text == ("GET /users/42 could not be checked: ServiceError: it ended (exit code 2)")
    assert "leak" not in text


def test_what_came_from_outside_is_made_safe() -> None:
    text = sentence(report(workload="GET /\x1b[31m\u202e", verdict="inconclusive", reason="a\nb"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n" not in text
