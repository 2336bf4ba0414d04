"""The summary on the terminal: every check with its verdict, and what else a user should know."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from pytest_echoleak.recording import AllowUse, Recorded
from pytest_echoleak.reports import units
from pytest_echoleak.reports.failure import place_of
from pytest_echoleak.reports.json_report import FILE_NAME, check_from_json
from pytest_echoleak.reports.sentences import growing, sentence
from pytest_echoleak.results import LeakReport, VerdictName
from pytest_echoleak.text import printable_line

_MARKUP: dict[VerdictName, dict[str, bool]] = {
    "leak": {"red": True},
    "inconclusive": {"yellow": True},
    "error": {"red": True},
    "clean": {"green": True},
}
_VERDICT_WIDTH = 12
_ROOMY_WIDTH = 60
_LEAST_WIDTH = 40
_SHOWN_PLACES = 3


@dataclass(frozen=True)
class Line:
    """A line of the summary, with the colours that pytest's terminal writer takes."""

    text: str
    markup: dict[str, bool] = field(default_factory=dict)


def summary_lines(
    recorded: Recorded, *, width: int, verbosity: int, report_folder: Path | None
) -> list[Line]:
    """Return the lines of the summary; none where nothing failed and nobody asked for more."""
    reports = [check_from_json(check) for check in recorded.checks]
    failed = any(report.verdict != "clean" for report in reports)
    full = verbosity > 0 or failed
    unused = [use for use in recorded.unused_allows() if full or not use.suite]
    if verbosity < 0 or not (full or unused or (report_folder and reports)):
        return []
    lines: list[Line] = []
    if full:
        lines += _table(reports, max(width, _LEAST_WIDTH))
        lines += _services(recorded, width)
    lines += [Line(_unused(use), {"yellow": True}) for use in unused]
    if report_folder is not None and reports:
        lines.append(Line(f"report: {report_folder / FILE_NAME}"))
    return lines


def _table(reports: Sequence[LeakReport], width: int) -> Iterator[Line]:
    for nodeid, group in groupby(reports, key=lambda report: report.nodeid):
        yield Line(printable_line(nodeid, 500), {"bold": True})
        for report in group:
            yield from _rows(report, width)


def _rows(report: LeakReport, width: int) -> Iterator[Line]:
    found = growing(report)
    places = [place_of(finding.location) for finding in found[:_SHOWN_PLACES]]
    if len(found) > _SHOWN_PLACES:
        places.append(f"and {len(found) - _SHOWN_PLACES} more")
    markup = _MARKUP[report.verdict]
    head = f"  {report.verdict:<{_VERDICT_WIDTH}}  "
    indent = " " * len(head) if width >= _ROOMY_WIDTH else "    "
    seconds = f"  [{units.duration(report.seconds)}]"
    text = _wrapped(sentence(report), width - 1, head, indent)
    if len(text[-1]) + len(seconds) < width:
        text[-1] += seconds
    else:
        text.append(indent + seconds.lstrip())
    yield from (Line(one, markup) for one in text)
    yield from (Line(indent + place) for place in places)


def _services(recorded: Recorded, width: int) -> Iterator[Line]:
    for service, why in recorded.services.items():
        text = f"{printable_line(service, 500)}: {printable_line(why, 500)}"
        yield from (Line(one) for one in _wrapped(text, width - 1, "service ", " " * 8))


def _unused(use: AllowUse) -> str:
    return (
        f"unused: Allow(function={printable_line(use.function)!r}) matched nothing in this run"
        f" (its reason: {printable_line(use.reason)})"
    )


def _wrapped(text: str, width: int, head: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, _LEAST_WIDTH),
        initial_indent=head,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
