"""echoleak.json: written whole or not at all, and read back as the same reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_echoleak.reports.json_report import check_as_json, check_from_json, write_report
from pytest_echoleak.results import LeakReport
from tests.reports.made import goroutine, heap, leak, report

REPORTS = [
    report(),
    report(verdict="error", iterations=0, round_iterations=(), bounds=None, reason="gone"),
    leak(
        heap(held_by=("main.sessions (package variable)", "[]byte"), retained_bytes=77_000),
        goroutine(),
        artifacts=("out/test_a/before.heap.pb.gz",),
        unused_allows=("main.*",),
        totals={"objects": 1003.0},
    ),
]


@pytest.mark.parametrize("made", REPORTS, ids=lambda made: made.verdict)
def test_a_report_survives_the_way_through_json(made: LeakReport) -> None:
    assert check_from_json(json.loads(json.dumps(check_as_json(made)))) == made


def test_a_check_has_the_fields_of_the_contract() -> None:
    check = check_as_json(REPORTS[-1])
    assert {
        "nodeid",
        "workload",
        "verdict",
        "iterations",
        "rounds",
        "seconds",
        "go_version",
        "runtime",
        "findings",
        "bounds",
        "artifacts",
    } <= set(check)
    assert {
        "kind",
        "function",
        "file",
        "line",
        "stack",
        "objects_per_iteration",
        "bytes_per_iteration",
        "goroutines_per_iteration",
        "evidence",
        "cause",
        "cause_text",
        "fix",
        "see",
        "state",
        "request",
        "held_by",
        "retained_bytes",
    } <= set(check["findings"][0])
    assert check["rounds"] == 5


def test_the_file_is_versioned_and_strict_json(tmp_path: Path) -> None:
    odd = check_as_json(report(seconds=float("nan"), totals={"x": float("inf")}))
    path = write_report(tmp_path / "new" / "folder", [odd])
    written = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert written["schema"] == 1
    assert written["checks"][0]["seconds"] is None


def test_an_older_file_is_replaced_and_no_draft_stays(tmp_path: Path) -> None:
    write_report(tmp_path, [check_as_json(made) for made in REPORTS])
    write_report(tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == ["echoleak.json"]
    assert json.loads((tmp_path / "echoleak.json").read_text()) == {"schema": 1, "checks": []}


def test_a_failed_write_keeps_the_older_file(tmp_path: Path) -> None:
    write_report(tmp_path, [])
    with pytest.raises(ValueError, match="Out of range"):
        write_report(tmp_path, [{"seconds": float("nan")}])
    assert json.loads((tmp_path / "echoleak.json").read_text())["checks"] == []
    assert len(list(tmp_path.iterdir())) == 1


def test_artifacts_are_named_relative_to_the_file_beside_which_they_lie(tmp_path: Path) -> None:
    inside, outside = str(tmp_path / "test_a" / "before.heap.pb.gz"), "/elsewhere/x.pb.gz"
    path = write_report(tmp_path, [check_as_json(leak(artifacts=(inside, outside)))])
    check = json.loads(path.read_text())["checks"][0]
    assert check["artifacts"] == ["test_a/before.heap.pb.gz", outside]
