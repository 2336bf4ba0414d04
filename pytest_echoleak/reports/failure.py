"""The text of a failing check: what leaks, how much, where, and what to do next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence

from pytest_echoleak.reports import units
from pytest_echoleak.reports.sentences import because, growing, noun, sentence
from pytest_echoleak.results import Finding, HeldBy, LeakReport, Location
from pytest_echoleak.text import printable_line

SHOWN_FINDINGS = 5
_SHOWN_FRAMES = 4
_LABEL_WIDTH = 10
_SHOWN_HOPS = 5
_LONG_SECONDS = 20.0
_BEFORE, _AFTER = "before.heap.pb.gz", "after.heap.pb.gz"

# The place that answers for what net/http allocated while it read a request (folding.py).
_READ_REQUEST = "net/http.readRequest"


def failure_text(report: LeakReport) -> str:
    """Return the message of a LeakError or an InconclusiveError; its first line stands alone."""
    lines = [sentence(report), ""]
    found = growing(report)
    heads = [_head(finding, noun(report)) for finding in found[:SHOWN_FINDINGS]]
    width = max(map(len, heads), default=0)
    for place, (head, finding) in enumerate(zip(heads, found, strict=False), start=1):
        lines.append(f"  {place}.  {head:<{width}}   {place_of(finding.location)}{_state(finding)}")
        lines += _evidence_lines(finding, noun(report))
    hidden = found[SHOWN_FINDINGS:]
    if hidden:
        lines.append(f"  and {units.whole(len(hidden), 'smaller finding')} more, all in the report")
    if found:
        lines.append("")
    if report.verdict == "inconclusive":
        lines.append(_fact("change", _what_to_change(report)))
    lines += _facts(report)
    return "\n".join(lines)


def place_of(location: Location) -> str:
    """Return a line of code as `file:line  function`: terminals and editors follow the first."""
    function = printable_line(location.function.rpartition("/")[2], 120)
    if not location.file:
        return function
    return f"{printable_line(location.file, 200)}:{location.line}  {function}"


def kept_whole_request(finding: Finding) -> bool:
    """Tell whether this is a request that is kept: read by net/http, no application frame on it."""
    return finding.location.function == _READ_REQUEST


def _head(finding: Finding, one: str) -> str:
    return f"{_rates(finding)} per {one}, {_evidence(finding)}"


def _evidence_lines(finding: Finding, one: str) -> Iterator[str]:
    if kept_whole_request(finding):
        yield from _labelled("note", _kept_request_lines(finding, one))
    else:
        yield from _labelled("through", _frames_below(finding))
        yield from _labelled("note", [printable_line(finding.note, 1000)] if finding.note else [])
    if finding.stacks > 1:
        yield from _labelled("with", [f"{units.whole(finding.stacks - 1, 'more stack')} there"])
    if finding.holders and finding.holders[0].container_name:
        largest = finding.holders[0]
        name = f"{largest.container_name}, {largest.container_type}"
        place = largest.container_location
        if place is not None and place != finding.location:
            name += f", at {place_of(place)}"
        yield from _labelled("grows", [printable_line(name, 300)])
    yield from _labelled("held by", list(_holder_lines(finding)))
    if finding.retained_bytes:
        yield from _labelled("retains", [_retained(finding)])
    if finding.request:
        yield from _labelled("request", [printable_line(finding.request, 500)])
    if cause := _cause(finding):
        yield from _labelled("cause", [printable_line(cause, 500)])
    if finding.fix:
        yield from _labelled("fix", [printable_line(finding.fix, 500)])
    if finding.see:
        yield from _labelled("see", [printable_line(finding.see)])


def _holder_lines(finding: Finding) -> Iterator[str]:
    if not finding.holders:
        if finding.held_by:
            yield printable_line(" -> ".join(finding.held_by), 1000)
        return
    for holder in finding.holders:
        count = units.whole(holder.goroutines, "goroutine")
        several = f"{count}: " if holder.goroutines > 1 and not holder.container else ""
        part = f"  ({100 * holder.share:.0f} %)" if len(finding.holders) > 1 else ""
        yield printable_line(several + " -> ".join(_short_path(holder)), 1000) + part


def _short_path(holder: HeldBy) -> Iterator[str]:
    """Yield a path to what is held, of a long one its ends: the root, the container, the objects.

    A service's router, and all that its server has, lies between main and any handler's data.
    """
    path = holder.path
    if len(path) <= _SHOWN_HOPS:
        yield from path
        return
    yield path[0]
    yield f"({len(path) - _SHOWN_HOPS + 1} more)"
    yield from path[2 - _SHOWN_HOPS :]


def _retained(finding: Finding) -> str:
    size = units.size(finding.retained_bytes or 0)
    if not finding.holders:
        return size
    return f"{size}, {100 * finding.holders[0].share:.0f} % of the objects"


def _cause(finding: Finding) -> str:
    if not finding.cause_text:
        return "" if finding.cause == "other" else finding.cause
    identifier = "" if finding.cause == "other" else f" ({finding.cause})"
    return finding.cause_text + identifier


def _state(finding: Finding) -> str:
    return f" [{printable_line(finding.state)}]" if finding.state else ""


def _rates(finding: Finding) -> str:
    parts = []
    if finding.bytes_per_iteration > 0 or finding.objects_per_iteration > 0:
        parts.append(units.size(finding.bytes_per_iteration))
    if finding.objects_per_iteration > 0:
        parts.append(units.counted(finding.objects_per_iteration, "object"))
    if finding.goroutines_per_iteration > 0:
        parts.append(units.counted(finding.goroutines_per_iteration, "goroutine"))
    return ", ".join(parts) or "growth"


def _evidence(finding: Finding) -> str:
    return "proven unreachable" if finding.evidence == "unreachable" else finding.evidence


def _kept_request_lines(finding: Finding, one: str) -> list[str]:
    parts = units.counted(finding.objects_per_iteration, "part")
    lines = [
        printable_line(finding.note) or "whole requests are retained",
        f"each {one} leaves {parts} ({units.size(finding.bytes_per_iteration)}) behind."
        " net/http allocates them, no line of the service",
    ]
    if not finding.holders:
        lines.append("look for what keeps a request, its context or its header beyond the handler")
    return lines


def _frames_below(finding: Finding) -> list[str]:
    """Return what the user's line called, from the allocation (or where a goroutine stands) up."""
    if finding.location not in finding.stack:
        return [place_of(frame) for frame in finding.stack[:_SHOWN_FRAMES]]
    below = finding.stack[: finding.stack.index(finding.location)]
    shown = [place_of(frame) for frame in below[:_SHOWN_FRAMES]]
    if len(below) > _SHOWN_FRAMES:
        shown[-1] += f"  (and {units.whole(len(below) - _SHOWN_FRAMES, 'frame')} up to it)"
    return shown


def _labelled(label: str, texts: Sequence[str]) -> Iterator[str]:
    for line, text in enumerate(texts):
        yield f"      {label if line == 0 else '':<{_LABEL_WIDTH}}{text}"


def _what_to_change(report: LeakReport) -> str:
    """Say what would let the same check decide: it passes only where it could have failed."""
    return because(report)[1] or (
        "give it more iterations (iterations=, plateau=) and more time (max_seconds=), or accept"
        " what is known to grow (Allow)"
    )


def _facts(report: LeakReport) -> Iterator[str]:
    rounds = units.whole(report.rounds, "round")
    measured = f"{report.iterations:,} in {rounds} after {report.warmup:,} to warm up"
    if report.verdict == "leak" and report.reason:
        measured += f"; {printable_line(report.reason)}"
    yield _fact("measured", f"{measured}, {units.duration(report.seconds)}")
    if report.verdict == "leak" and report.seconds >= _LONG_SECONDS and _went_on(report):
        yield _fact("sooner", "with a lower plateau=: it went on for as long as a cache may fill")
    runtime = ", ".join(part for part in (report.runtime, report.go_version) if part)
    yield _fact("service", printable_line(f"{report.service} ({runtime})", 500))
    if report.no_holders:
        yield _fact("holders", f"not named: {printable_line(report.no_holders, 400)}")
    if report.artifacts:
        yield _fact("profiles", _profiles(report.artifacts))
    if report.unused_allows:
        unused = ", ".join(printable_line(one) for one in report.unused_allows)
        yield _fact("unused", f"Allow for {unused}: it matched nothing here")
    if report.nodeid:
        yield _fact("again", f"pytest {shlex.quote(printable_line(report.nodeid, 1000))}")


def _went_on(report: LeakReport) -> bool:
    """Tell whether there were more than the first rounds, which are alike."""
    rounds = report.round_iterations
    return max(rounds, default=0) > min(rounds, default=0) + 1


def _fact(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"


def _profiles(artifacts: Sequence[str]) -> str:
    names = {os.path.basename(artifact) for artifact in artifacts}
    folder = _short(os.path.dirname(artifacts[0]))
    if {_BEFORE, _AFTER} <= names:
        return f"{folder}/   go tool pprof -diff_base {_BEFORE} {_AFTER}"
    return f"{folder}/   {', '.join(sorted(names))}"


def _short(folder: str) -> str:
    """Return `folder` relative to the working folder where it lies in it, as one would type it."""
    relative = os.path.relpath(folder)
    return folder if relative.startswith(os.pardir) else relative
