"""The profiles that are kept of a failing check."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_echoleak.artifacts import save_profiles
from tests.made_snapshots import snapshot


def test_both_snapshots_are_saved_as_served(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    paths = save_profiles(folder, snapshot(), snapshot())
    assert [Path(path).name for path in paths] == [
        "before.heap.pb.gz",
        "before.goroutine.pb.gz",
        "after.heap.pb.gz",
        "after.goroutine.pb.gz",
    ]
    assert (folder / "after.heap.pb.gz").read_bytes() == b"heap"
    assert (folder / "before.goroutine.pb.gz").read_bytes() == b"goroutine"


def test_an_earlier_runs_files_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "before.heap.pb.gz").write_bytes(b"old and longer")
    save_profiles(tmp_path, snapshot(), None)
    assert (tmp_path / "before.heap.pb.gz").read_bytes() == b"heap"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "before.goroutine.pb.gz",
        "before.heap.pb.gz",
    ]


def test_a_place_that_cannot_be_written_to_costs_no_verdict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    assert save_profiles(tmp_path / "file" / "x", snapshot(), snapshot()) == ()
    assert "profiles cannot be saved in" in caplog.text
