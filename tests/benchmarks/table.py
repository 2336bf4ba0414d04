"""The benchmarks' table, and its place in the README."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"


@dataclass(frozen=True)
class Row:
    """One comparison: seconds of ours beside seconds of what it is held against, as medians.

    `ratio` says how the two compare, in words; `required` what was asked for, "" where nothing
    was, and `met` whether it is so.
    """

    what: str
    ours_seconds: float
    other: str
    other_seconds: float | None
    ratio: str
    required: str = ""
    met: bool = True


def to_markdown(rows: Sequence[Row], machine: str) -> str:
    """Return the table, under a line that tells the `machine` and the day."""
    lines = [
        f"Measured with `make bench` on {machine}. Medians of runs that alternate.",
        "",
        "| what | ours | beside it | compared | required |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        other = row.other
        if row.other_seconds is not None:
            other = f"{_seconds(row.other_seconds)}: {other}"
        required = row.required if row.met or not row.required else f"{row.required}, missed"
        cells = (row.what, _seconds(row.ours_seconds), other, row.ratio, required)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write(readme: Path, table: str) -> None:
    """Put `table` between the markers in `readme`. Raises ValueError where they are not there."""
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{readme.name} must have {BEGIN} and {END}, once each, in this order")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def describe_machine(cores: int, go_version: str, day: str) -> str:
    """Return what a reader must know of this machine, and nothing that names it."""
    system = f"{platform.system()} {platform.machine()}"
    go = go_version.removeprefix("go")
    return f"{cores} cores ({system}), Go {go}, Python {platform.python_version()}, {day}"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
