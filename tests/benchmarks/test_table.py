"""The table of the benchmarks, and how it gets into the README."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tests.benchmarks.table import BEGIN, END, Row, describe_machine, to_markdown, write

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_for_each_comparison() -> None:
    rows = [
        Row("a check", 2.345, "wrk", 1.5, "1.56 times", "at most 2.30 s", False),
        Row("20,000 samples", 0.0421, "go tool pprof", 2.5, "59 times as fast", "at least 8"),
        Row("100 sites", 0.5, "healthy code", None, ""),
    ]
    table = to_markdown(rows, "2 cores")
    assert table.splitlines()[0].startswith("Measured with `make bench` on 2 cores.")
    assert table.splitlines()[-3:] == [
        "| a check | 2.35 s | 1.50 s: wrk | 1.56 times | at most 2.30 s, missed |",
        "| 20,000 samples | 42 ms | 2.50 s: go tool pprof | 59 times as fast | at least 8 |",
        "| 100 sites | 0.50 s | healthy code |  |  |",
    ]


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter ü\n", encoding="utf-8")
    for table in ("new", "newer"):
        write(readme, table)
        text = readme.read_text(encoding="utf-8")
        assert text == f"before\n{BEGIN}\n{table}\n{END}\nafter ü\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_without_its_markers_nothing_is_written(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(ValueError, match=r"README\.md must have"):
        write(readme, "table")
    assert readme.read_text() == text


def test_the_readme_has_a_place_for_it(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    copy.write_text((ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    write(copy, "a table")
    assert "\n## Performance\n" in copy.read_text(encoding="utf-8").partition("a table")[0]


def test_the_machine_is_described_and_not_named() -> None:
    text = describe_machine(2, "go1.26.8", "2026-11-24")
    assert text.startswith("2 cores (")
    assert text.endswith(f"Go 1.26.8, Python {platform.python_version()}, 2026-11-24")
    assert platform.node() not in text
