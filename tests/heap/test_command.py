"""What `python -m pytest_echoleak heap` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_echoleak.__main__ import main
from tests.heap.dumps import Dumps, make_dumps, place_of


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Dumps:
    """The dumps of this machine's Go."""
    return make_dumps(tmp_path_factory.mktemp("dumps"), "local")


def test_one_dump_by_allocation_site_and_dominator(
    dumps: Dumps, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["heap", str(dumps.after), str(dumps.binary), "--top", "5"]) == 0
    out = capsys.readouterr().out.splitlines()
    first = next(line for line in out if "main.listen " in line)
    assert first.split()[:3] == ["100", "128", "kB"]
    assert first.endswith(f"main.go:{place_of('closure')[1]}")
    assert [line.split(" kB  ")[1] for line in out[-5:]][:2] == [
        "main.queue (package variable)",
        "main.listeners (package variable)",
    ]
    sites = out[out.index("live bytes by allocation site") + 1 : out.index("", 3)]
    assert len(sites) == 5


def test_diff_tells_what_is_new_and_who_holds_it(
    dumps: Dumps, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(dumps.before), str(dumps.after), str(dumps.binary)]
    assert main(["heap", "diff", *files, "--top", "40"]) == 0
    out = capsys.readouterr().out
    assert "held by  main.sessions (package variable) -> map[int]*main.session" in out
    assert "grows: the timer heap, 100% of them" in out
    assert "100 goroutines, 100% of them, retains 102 kB, created by main.(*server).round" in out
    assert "others hold them, too" in out


def test_a_dump_has_nothing_new_against_itself(
    dumps: Dumps, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["heap", "diff", str(dumps.after), str(dumps.after), str(dumps.binary)])
    assert "nothing is new since the earlier dump" in capsys.readouterr().out


def test_no_value_is_ever_shown(dumps: Dumps, capsys: pytest.CaptureFixture[str]) -> None:
    main(["heap", str(dumps.after), str(dumps.binary), "--top", "1000"])
    main(["heap", "diff", str(dumps.before), str(dumps.after), str(dumps.binary), "--top", "1000"])
    secret = b"a-value-that-must-stay-in-the-dump"
    assert secret in dumps.after.read_bytes()
    assert secret.decode() not in capsys.readouterr().out


@pytest.mark.parametrize("words", [["x"], ["diff", "x", "y"], ["x", "y", "z"]])
def test_wrong_number_of_files_is_a_usage_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["heap", *words])
    assert end.value.code == 2
    assert "diff BEFORE AFTER BINARY" in capsys.readouterr().err


def test_error_is_one_sentence_and_exit_code_one(
    dumps: Dumps, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "nix"
    assert main(["heap", str(missing), str(dumps.binary)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{missing}: it cannot be read: no such file" in err
