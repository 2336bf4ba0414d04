"""The summary on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.recording import AllowUse, Recorded
from pytest_echoleak.reports.json_report import check_as_json
from pytest_echoleak.reports.terminal import summary_lines
from pytest_echoleak.results import LeakReport
from tests.reports.made import heap, leak, report


def summary(*reports: LeakReport, width: int = 160, verbosity: int = 0, **more: Any) -> list[str]:
    recorded = Recorded(
        [check_as_json(made) for made in reports], more.get("services", {}), more.get("allows", [])
    )
    folder = more.get("report_folder")
    lines = summary_lines(recorded, width=width, verbosity=verbosity, report_folder=folder)
    return [line.text for line in lines]


def test_nothing_is_said_where_all_is_well_and_nobody_asked() -> None:
    assert summary(report()) == []


def test_with_v_every_check_says_what_it_proved() -> None:
    assert summary(report(), verbosity=1) == [
        "tests/test_users.py::test_get_user",
        "  clean         GET /users/42 is clean: nothing stayed of 1,000 requests, so fewer than"
        " 1 in 140 leaks (99.9 %)  [3.2 s]",
    ]


def test_one_failure_shows_them_all_with_their_places() -> None:
    lines = summary(report(nodeid="a.py::test_a"), leak(*[heap()] * 5, nodeid="a.py::test_b"))
    assert lines[0] == "a.py::test_a"
    assert "  leak          GET /users/42 leaks 5.000 objects (320 B) per request" in lines[3]
    assert lines.count("                internal/handlers/user.go:42  handlers.(*User).Get") == 3
    assert lines[-1].strip() == "and 2 more"


@pytest.mark.parametrize("verdict", ["inconclusive", "error"])
def test_whatever_is_not_clean_counts_as_a_failure(verdict: Any) -> None:
    assert summary(report(verdict=verdict, reason="why"))


def test_checks_of_one_test_stand_together() -> None:
    lines = summary(report(), report(workload="GET /b"), verbosity=1)
    assert [line for line in lines if not line.startswith(" ")] == [
        "tests/test_users.py::test_get_user"
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_sentences_are_wrapped_to_the_terminal(width: int) -> None:
    for path in ("/", "/users", "/users/42/orders", "/users/42/orders/7/items"):
        lines = summary(report(workload=f"GET {path}"), width=width, verbosity=1)
        assert all(len(line) <= max(width, 40) for line in lines[1:])
        assert "1 in 140 leaks (99.9 %) [3.2 s]" in " ".join(" ".join(lines).split())


def test_quiet_is_quiet() -> None:
    assert summary(leak(), verbosity=-1) == []


def test_the_service_and_why_it_runs_as_it_does_are_told() -> None:
    services = {"GoSource(shop)": "process, because no Docker engine answers"}
    assert summary(report(), verbosity=1, services=services)[-1] == (
        "service GoSource(shop): process, because no Docker engine answers"
    )


def test_an_allow_that_matched_nothing_is_told_unless_another_check_used_it() -> None:
    unused = AllowUse("main.old*", "LRU of 100", suite=False, used=False)
    assert summary(report(), allows=[unused]) == [
        "unused: Allow(function='main.old*') matched nothing in this run (its reason: LRU of 100)"
    ]
    used = AllowUse("main.old*", "LRU of 100", suite=False, used=True)
    assert summary(report(), allows=[unused, used]) == []


def test_one_of_the_whole_suite_is_told_only_with_the_table() -> None:
    unused = AllowUse("main.old*", "LRU of 100", suite=True, used=False)
    assert summary(report(), allows=[unused]) == []
    assert "unused" in summary(report(), allows=[unused], verbosity=1)[-1]


def test_the_report_is_named_where_it_was_asked_for() -> None:
    assert summary(report(), report_folder=Path("out")) == ["report: out/echoleak.json"]


def test_a_service_cannot_write_escapes_to_the_terminal() -> None:
    evil = "\x1b[2J"
    lines = summary(leak(workload=evil, nodeid=evil), services={evil: evil}, verbosity=1)
    assert "\x1b" not in "".join(lines)
