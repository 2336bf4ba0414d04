"""The profiles that are kept of a failing check."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_echoleak.artifacts import save_heap_dump, save_profiles
from pytest_echoleak.errors import ServiceError, SnapshotError
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


class Service:
    """A service whose heap dump is scripted."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def heap_dump(self, path: Path) -> SimpleNamespace:
        if self.error:
            raise self.error
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(b"go1.7 heap dump\n")
        return SimpleNamespace(path=path)


def kept_dump(folder: Path, service: Service) -> tuple[str, ...]:
    return save_heap_dump(folder, service)  # type: ignore[arg-type]


def test_a_heap_dump_is_kept_in_a_folder_that_its_user_alone_can_enter(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    save_profiles(folder, snapshot(), snapshot())
    (folder / "heapdump").mkdir(mode=0o755)
    (path,) = kept_dump(folder, Service())
    assert Path(path) == folder / "heapdump" / "after.heapdump"
    assert Path(path).read_bytes() == b"go1.7 heap dump\n"
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o055, "the profiles' folder is as any other"


@pytest.mark.parametrize("error", [SnapshotError("refused"), ServiceError("it ended")])
def test_an_earlier_runs_dump_goes_where_none_can_be_had(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    kept_dump(tmp_path, Service())
    assert kept_dump(tmp_path, Service(error)) == ()
    assert list((tmp_path / "heapdump").iterdir()) == []
    assert kept_dump(tmp_path / "new", Service(error)) == ()
    assert not (tmp_path / "new").exists()
    assert str(error) in caplog.text


def test_a_place_that_takes_no_dump_costs_no_verdict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert kept_dump(tmp_path / "file", Service()) == ()
    assert "No heap dump is kept" in caplog.text
