"""What an analysis looks like on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_echoleak.heap.analysis import Analysis, Container, Dominator, Holder, Site
from pytest_echoleak.pprof.frames import Frame
from pytest_echoleak.reports.units import size, whole

_OWN = ("runtime.", "internal/")


def histogram_text(analysis: Analysis) -> str:
    """Return the sites with most bytes and the dominator tree's top."""
    lines = [*_head(analysis), "", "live bytes by allocation site"]
    if not analysis.sites:
        lines.append("    none: the service ran without a memory profile (MemProfileRate 0)")
    lines += [_site_line(site, site.objects, site.bytes) for site in analysis.sites]
    lines += ["", "who keeps most alive (top of the dominator tree)"]
    lines += [_dominator_line(one) for one in analysis.dominators]
    return "\n".join(lines)


def growth_text(analysis: Analysis) -> str:
    """Return what a dump has that the earlier one had not, and who holds it."""
    grown = [site for site in analysis.sites if site.new_objects]
    objects = sum(site.new_objects for site in grown)
    lines = [*_head(analysis), ""]
    if not grown:
        return "\n".join([*lines, "nothing is new since the earlier dump"])
    lines.append(f"new since the earlier dump, by allocation site: {whole(objects, 'object')}")
    for site in grown:
        lines += ["", _site_line(site, site.new_objects, site.new_bytes)]
        for holder in site.holders:
            lines += _holder_lines(holder)
    return "\n".join(lines)


def _head(analysis: Analysis) -> Iterator[str]:
    yield (
        f"{whole(analysis.objects, 'object')}, {size(analysis.bytes)},"
        f" {whole(analysis.goroutines, 'goroutine')}, {analysis.go_version}"
    )
    if analysis.sampled < 0.9 * analysis.objects:
        yield (
            f"note: {analysis.sampled:,} of them have a known allocation site: objects made before"
            " the profile was exact, or between its samples, have none"
        )
    for note in analysis.notes:
        yield f"note: {note}"


def _site_line(site: Site, objects: int, size_bytes: int) -> str:
    frame = _shown_frame(site.stack)
    return (
        f"{objects:>12,}  {size(size_bytes):>8}  {site.type or '?':<32}"
        f"  {_short(frame.function)}  {frame.file}:{frame.line}"
    )


def _shown_frame(stack: tuple[Frame, ...]) -> Frame:
    """The innermost frame that is no part of the runtime: where people look first."""
    for frame in stack:
        if not frame.function.startswith(_OWN):
            return frame
    return stack[0] if stack else Frame("?", "?", 0)


def _short(function: str) -> str:
    return function.rpartition("/")[2] if "[" not in function else function


def _holder_lines(holder: Holder) -> Iterator[str]:
    yield f"{'':>14}held by  {holder.text}"
    facts = [f"{holder.share:.0%} of them", f"retains {size(holder.retained_bytes)}"]
    if holder.container is not None:
        facts.insert(0, f"grows: {_container(holder.container)}")
    if holder.goroutine is not None and holder.root_kind == "goroutine":
        facts.insert(0, whole(holder.goroutine.count, "goroutine"))
        if holder.goroutine.created_by:
            facts.append(
                f"created by {holder.goroutine.created_by}"
                f" {holder.goroutine.file}:{holder.goroutine.line}"
            )
    if holder.held_by_nothing_else < holder.objects:
        facts.append("others hold them, too")
    yield f"{'':>14}         {', '.join(facts)}"


def _container(container: Container) -> str:
    if container.name == container.kind:
        return f"the {container.kind}"
    return f"{container.kind} {container.name}"


def _dominator_line(one: Dominator) -> str:
    return f"{size(one.retained_bytes):>12}  {one.name}"
