"""JUnit properties: flat, short, and harmless in XML."""

from __future__ import annotations

from pytest_echoleak.reports.junit import junit_properties
from tests.reports.made import goroutine, heap, leak, report


def test_a_clean_check_tells_what_it_excludes() -> None:
    properties = dict(junit_properties(report()))
    assert properties["echoleak.verdict"] == "clean"
    assert properties["echoleak.workload"] == "GET /users/42"
    assert properties["echoleak.iterations"] == "1000"
    assert properties["echoleak.excluded_rate"] == "0.0069"
    assert "echoleak.function" not in properties


def test_a_leak_tells_how_much_and_where() -> None:
    properties = dict(junit_properties(leak(heap(), goroutine())))
    assert properties["echoleak.findings"] == "2"
    assert properties["echoleak.objects_per_iteration"] == "1.000"
    assert properties["echoleak.goroutines_per_iteration"] == "1.000"
    assert properties["echoleak.location"] == "internal/handlers/user.go:42"


def test_a_second_check_has_names_of_its_own() -> None:
    first, second = dict(junit_properties(report())), dict(junit_properties(report(), 2))
    assert "echoleak.2.verdict" in second
    assert not set(first) & set(second)


def test_values_hold_no_character_that_xml_forbids() -> None:
    for _, value in junit_properties(report(workload="\x00\x1b\ud800", reason="a\x0bb")):
        assert value.isprintable()
        value.encode()
