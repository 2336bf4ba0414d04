"""What trials of single requests say of a leak."""

from __future__ import annotations

import pytest

from pytest_echoleak.attribution import Trial, per_value, together, which_request

POST = Trial("POST /orders", 100, 100)
GET = Trial("GET /orders/{i}", 100, 0)
REFUSED = Trial("DELETE /orders/1", 100, refused=True)


def same(came: float, label: str = "GET /orders/{i}") -> Trial:
    return Trial(label, 100, came, same_value=True)


@pytest.mark.parametrize(
    ("trials", "text"),
    [
        ([POST, GET], "leaks in POST /orders (1.000 per request); GET /orders/{i} does not"),
        (
            [POST, GET, REFUSED],
            "leaks in POST /orders (1.000 per request); GET /orders/{i} does not;"
            " DELETE /orders/1 could not be sent alone",
        ),
        (
            [POST, Trial("PUT /", 100, 98), GET, Trial("GET /", 100, 1)],
            "leaks in POST /orders (1.000 per request) and in PUT / (0.980 per request);"
            " GET /orders/{i}, GET / do not",
        ),
        ([GET, Trial("GET /", 100, 0)], "no request leaks alone, only all of them together"),
        ([GET, REFUSED], ""),
        ([GET, Trial("GET /", 100, 30)], ""),
        ([REFUSED], ""),
        ([], ""),
        ([same(0)], "once per distinct value: the same value again and again leaves nothing"),
        ([same(100)], "with each call, also with the same value again and again"),
        ([same(30)], ""),
        (
            [POST, Trial("GET /orders/{i}", 100, 100), same(0)],
            "leaks in POST /orders (1.000 per request) and in GET /orders/{i} (1.000 per request);"
            " once per distinct value: the same value again and again leaves nothing",
        ),
    ],
)
def test_trials_tell_which_request_leaks(trials: list[Trial], text: str) -> None:
    assert which_request(1.0, trials) == text


def test_a_value_is_no_matter_where_its_request_does_not_leak() -> None:
    assert per_value(1.0, [POST, GET, same(0)]) is None


def test_too_few_requests_for_a_rare_leak_tell_nothing() -> None:
    assert which_request(0.01, [POST, GET]) == ""
    assert per_value(0.2, [same(0)]) is None, "it may be one of the four that leave nothing"
    assert per_value(0.01, [same(0)]) is None


def test_trials_of_several_findings_are_added_up() -> None:
    (sum_of_both, nothing) = together([[POST, GET], [POST, GET]])
    assert (sum_of_both.came, nothing.came) == (200, 0)
    assert together([]) == ()
