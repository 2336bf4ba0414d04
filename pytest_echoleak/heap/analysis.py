"""Asking the analyser about a heap dump, and what it answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_echoleak.errors import HeapDumpError
from pytest_echoleak.heap.building import analyser_program
from pytest_echoleak.pprof.frames import Frame
from pytest_echoleak.results import Expiry
from pytest_echoleak.text import last_lines, printable_line

TIME_LIMIT_SECONDS = 120.0
MEMORY_LIMIT_BYTES = 4 << 30
_CRASH_LINES = 20
# How Go's runtime says so, wherever it needs memory.
_OUT_OF_MEMORY = (
    "out of memory",
    "cannot allocate",
    "failed to allocate",
    "failed to reserve",
    "failed to create new OS thread",
)


@dataclass(frozen=True)
class Question:
    """A leaking site: the stack that allocates there, innermost frame first, or a line in it.

    Without `frames` every stack is meant that has `line` of `file` (a path, or the end of one).
    """

    id: str
    frames: tuple[Frame, ...] = ()
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Container:
    """What grows: a map, slice, channel, list, sync.Map, linked list, timer heap or struct.

    `name` says where it is as code does ("main.sessions", "s.cache.items"); the same `number` in
    one analysis is the same container. `retained_bytes` die with it. `stack` allocated the part of
    it that leads to the objects, when it was enlarged.
    """

    kind: str
    type: str
    name: str
    number: int
    retained_bytes: int
    stack: tuple[Frame, ...]


@dataclass(frozen=True)
class HolderGoroutine:
    """The goroutines that hold something: `count` of them, alike in function and wait reason.

    `variable` of the function `frame` holds it ("": a word without a name).
    """

    function: str
    wait: str
    created_by: str
    file: str
    line: int
    variable: str
    frame: str
    count: int


@dataclass(frozen=True)
class Holder:
    """One holder of a site's objects, as a developer would name it.

    `root_kind` is "package variable", "goroutine", "timer", "finalizer", "runtime" or "nothing";
    `path` leads from `root` to the objects. `share` is the part of the site's objects, 0 to 1, that
    it holds (objects with several holders count for each), `held_by_nothing_else` how many of them
    have no other holder. `retained_bytes` die with them. `shown_share`: where strings keep them,
    how much of their bytes these show, 0 to 1. `kept_types` are the Go types of what it keeps.
    `expiry`: when its entries expire, where a field of theirs says so.
    """

    root_kind: str
    root: str
    path: tuple[str, ...]
    container: Container | None
    objects: int
    bytes: int
    retained_bytes: int
    share: float
    held_by_nothing_else: int
    shown_share: float
    kept_types: tuple[str, ...]
    goroutine: HolderGoroutine | None
    expiry: Expiry | None = None

    @property
    def hops(self) -> tuple[str, ...]:
        """Return the steps from the root to the objects: "main.sessions (package variable)", ..."""
        root = self.root
        if self.goroutine is not None:
            wait = f" [{self.goroutine.wait}]" if self.goroutine.wait else ""
            root = f"goroutine {self.goroutine.function}{wait}, {root}"
        return (root, *self.path)

    @property
    def text(self) -> str:
        """Return "main.sessions (package variable) -> map[int]*main.Session -> []byte"."""
        return " -> ".join(self.hops)


@dataclass(frozen=True)
class Answer:
    """The objects of one question that live: none where nothing was sampled there.

    `containers`: the numbers of the containers that are among these objects themselves.
    """

    id: str
    objects: int
    bytes: int
    holders: tuple[Holder, ...]
    containers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Site:
    """All objects that one stack allocated; `new` ones are not in the earlier dump."""

    objects: int
    bytes: int
    new_objects: int
    new_bytes: int
    type: str
    stack: tuple[Frame, ...]
    holders: tuple[Holder, ...]


@dataclass(frozen=True)
class Dominator:
    """What alone keeps `retained_bytes` alive: a root, or an object that several roots share."""

    name: str
    kind: str
    retained_bytes: int


@dataclass(frozen=True)
class Analysis:
    """What is known of one heap. `notes` say which names are missing and why."""

    go_version: str
    objects: int
    bytes: int
    sampled: int
    goroutines: int
    notes: tuple[str, ...]
    answers: tuple[Answer, ...]
    sites: tuple[Site, ...]
    dominators: tuple[Dominator, ...]


def analyse(
    dump: Path,
    binary: Path,
    *,
    before: Path | None = None,
    questions: Sequence[Question] = (),
    histogram: bool = False,
    growth: bool = False,
    top: int = 20,
    seconds: float = TIME_LIMIT_SECONDS,
    memory_bytes: int = MEMORY_LIMIT_BYTES,
) -> Analysis:
    """Return what lives in a dump of the program `binary`. Raises HeapDumpError and BuildError.

    With an earlier dump of the same process, `before`, only objects that are new since are looked
    at. `histogram` asks for the `top` sites and dominators, `growth` for the sites that grew most
    and their holders.
    """
    request = {
        "dump": str(dump),
        "binary": str(binary),
        "before": "" if before is None else str(before),
        "questions": [_question(one) for one in questions],
        "histogram": histogram,
        "growth": growth,
        "top": top,
        "memory_bytes": memory_bytes,
    }
    program = analyser_program(binary)
    return _analysis(_run(program, request, seconds, memory_bytes))


def _question(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "frames": [
            {"function": frame.function, "file": frame.file, "line": frame.line}
            for frame in question.frames
        ],
        "file": question.file,
        "line": question.line,
    }


def _run(program: Path, request: dict[str, Any], seconds: float, memory_bytes: int) -> Any:
    environment = {**os.environ, "GOMEMLIMIT": str(memory_bytes), "GOTRACEBACK": "none"}
    try:
        done = subprocess.run(
            [str(program)],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=environment,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as cause:
        raise HeapDumpError(
            f"The heap dump {request['dump']} was not analysed within {seconds:.0f} s: it is too"
            " large for this machine, or made to be slow."
        ) from cause
    except OSError as cause:
        raise HeapDumpError(f"The analyser of heap dumps cannot be run: {cause}") from cause
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        log = done.stderr.decode(errors="replace")
        raise HeapDumpError(_crash(request["dump"], log, memory_bytes))
    if answer.get("error"):
        what = printable_line(answer["error"], 1000)
        raise HeapDumpError(f"The heap dump cannot be analysed: {what}.")
    return answer


def _crash(dump: str, log: str, memory_bytes: int) -> str:
    if any(words in log for words in _OUT_OF_MEMORY):
        return (
            f"The heap dump {dump} needs more than {memory_bytes / 1e9:.1f} GB of memory to be"
            " analysed: it is too large, or damaged."
        )
    # What a Go program dies of stands first, the registers last.
    first = "\n".join(log.splitlines()[:_CRASH_LINES])
    return (
        f"The analyser of heap dumps ended without an answer about {dump}.\n\n{last_lines(first)}"
    )


def _analysis(answer: dict[str, Any]) -> Analysis:
    return Analysis(
        go_version=printable_line(answer["go_version"]),
        objects=answer["objects"],
        bytes=answer["bytes"],
        sampled=answer["sampled"],
        goroutines=answer["goroutines"],
        notes=tuple(map(printable_line, answer["notes"] or ())),
        answers=tuple(
            Answer(
                one["id"],
                one["objects"],
                one["bytes"],
                _holders(one["holders"]),
                tuple(one["containers"] or ()),
            )
            for one in answer["answers"] or ()
        ),
        sites=tuple(map(_site, answer["sites"] or ())),
        dominators=tuple(
            Dominator(printable_line(one["name"], 1000), one["kind"], one["retained_bytes"])
            for one in answer["dominators"] or ()
        ),
    )


def _site(one: dict[str, Any]) -> Site:
    return Site(
        objects=one["objects"],
        bytes=one["bytes"],
        new_objects=one["new_objects"],
        new_bytes=one["new_bytes"],
        type=printable_line(one["type"]),
        stack=_frames(one["stack"]),
        holders=_holders(one["holders"]),
    )


def _frames(found: Sequence[dict[str, Any]] | None) -> tuple[Frame, ...]:
    return tuple(
        Frame(printable_line(one["function"]), printable_line(one["file"]), one["line"])
        for one in found or ()
    )


def _holders(found: Sequence[dict[str, Any]] | None) -> tuple[Holder, ...]:
    return tuple(map(_holder, found or ()))


def _holder(one: dict[str, Any]) -> Holder:
    container, goroutine = one["container"], one["goroutine"]
    return Holder(
        root_kind=one["root_kind"],
        root=printable_line(one["root"]),
        path=tuple(map(printable_line, one["path"] or ())),
        container=None
        if container is None
        else Container(
            container["kind"],
            printable_line(container["type"]),
            printable_line(container["name"]),
            container["id"],
            container["retained_bytes"],
            _frames(container["stack"]),
        ),
        objects=one["objects"],
        bytes=one["bytes"],
        retained_bytes=one["retained_bytes"],
        share=one["share"],
        held_by_nothing_else=one["held_by_nothing_else"],
        shown_share=one["shown_share"],
        kept_types=tuple(map(printable_line, one["kept_types"] or ())),
        goroutine=None if goroutine is None else _goroutine(goroutine),
        expiry=_expiry(one["expiry"]),
    )


def _expiry(one: dict[str, Any] | None) -> Expiry | None:
    if one is None:
        return None
    return Expiry(printable_line(one["field"]), one["soonest_seconds"], one["latest_seconds"])


def _goroutine(one: dict[str, Any]) -> HolderGoroutine:
    return HolderGoroutine(
        function=printable_line(one["function"]),
        wait=printable_line(one["wait"]),
        created_by=printable_line(one["created_by"]),
        file=printable_line(one["file"]),
        line=one["line"],
        variable=printable_line(one["variable"]),
        frame=printable_line(one["frame"]),
        count=one["count"],
    )
