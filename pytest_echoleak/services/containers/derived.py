"""Dockerfiles that are derived from the user's: labels for its stages, and the agent. Pure text.

The agent comes as an image: each stage that runs anything copies it from there, and finds its `go`
command (agent/go.sh) before its own. So it does not matter where Go lies or comes from, what flags
the user sets, or which main package is built how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_echoleak.services.containers.labels import STAGE

AGENT_FOLDER = "/.echoleak"
# What an engine takes where an image says nothing.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATH = f"ENV PATH={AGENT_FOLDER}/bin:${{PATH:-{_DEFAULT_PATH}}}"
_ESCAPE = re.compile(r"\A(?:\s*#[^\n]*\n)*?\s*#\s*escape\s*=\s*`", re.IGNORECASE)
_HERE_DOCUMENT = re.compile(r"(?<!<)<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_]*)\2")
_SETS_PATH = re.compile(r"(?:^|\s)PATH[=\s]", re.IGNORECASE)


@dataclass(frozen=True)
class Instruction:
    """An instruction: its `name` in capitals, its `words`, and its `lines` as they are written.

    The comments before it belong to it.
    """

    name: str
    words: str
    lines: tuple[str, ...]


def with_stage_labels(dockerfile: str, tag: str) -> str:
    """Return the Dockerfile with a label after each FROM.

    The classic builder leaves an image of every stage behind, as its cache: labelled ones can be
    told from the user's, and are pruned.
    """
    lines: list[str] = []
    for one in instructions(dockerfile):
        lines += one.lines
        if one.name == "FROM":
            lines.append(f"LABEL {STAGE}={tag}")
    return "\n".join(lines) + "\n"


def with_agent(dockerfile: str, agent_image: str) -> str | None:
    """Return the Dockerfile with the agent in each stage that runs a command.

    None where no stage does, so that nothing is compiled in it, or where its lines end in another
    way than on Linux.
    """
    if _ESCAPE.match(dockerfile):
        return None
    lines: list[str] = []
    stages: set[str] = set()
    added = False
    for stage in _stages(dockerfile):
        base, name = _base_and_name(stage[0].words)
        runs = any(one.name == "RUN" for one in stage)
        wanted = runs and stage[0].name == "FROM" and base != "scratch"
        for one in stage:
            lines += one.lines
            if not wanted:
                continue
            if one.name == "FROM" and base not in stages:
                lines.append(f"COPY --from={agent_image} {AGENT_FOLDER} {AGENT_FOLDER}")
            if one.name == "FROM" or (one.name == "ENV" and _SETS_PATH.search(one.words)):
                lines.append(_PATH)
        if wanted:
            added = True
            stages.add(name)
    return "\n".join(lines) + "\n" if added else None


def instructions(dockerfile: str) -> Iterator[Instruction]:
    """Yield the instructions. Comments after the last one have the name ""."""
    escape = "`" if _ESCAPE.match(dockerfile) else "\\"
    lines = tuple(dockerfile.splitlines())
    start, at, text = 0, 0, ""
    while at < len(lines):
        line = lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        text += line
        if text.endswith(escape):
            text = text[: -len(escape)] + " "
            continue
        at = _end_of_here_documents(text, lines, at)
        yield _instruction(text, lines[start:at])
        start, text = at, ""
    if start < len(lines):
        yield _instruction(text, lines[start:])


def _instruction(text: str, lines: tuple[str, ...]) -> Instruction:
    name, words = _name_and_words(text)
    return Instruction(name, words, lines)


def _name_and_words(text: str) -> tuple[str, str]:
    name, *words = text.split(None, 1) or [""]
    return name.upper(), words[0].strip() if words else ""


def _end_of_here_documents(text: str, lines: Sequence[str], at: int) -> int:
    """Return the number of the line after the here-documents that the instruction `text` begins.

    `at` is the line after the instruction. What no line ends is none, as `$((1<<N))` of a shell.
    """
    if _name_and_words(text)[0] not in {"RUN", "COPY", "ADD"}:
        return at
    for match in _HERE_DOCUMENT.finditer(text):
        tabs = "\t" if match[1] else ""
        ends = (n for n in range(at, len(lines)) if lines[n].lstrip(tabs) == match[3])
        at = next(ends, at - 1) + 1
    return at


def _stages(dockerfile: str) -> list[list[Instruction]]:
    """Return the instructions by stage; what stands before the first FROM is the first of them."""
    stages: list[list[Instruction]] = []
    for one in instructions(dockerfile):
        if one.name == "FROM" or not stages:
            stages.append([])
        stages[-1].append(one)
    return stages


def _base_and_name(words: str) -> tuple[str, str]:
    """Return what a FROM begins from, and the stage's name ("" where it has none)."""
    plain = [word for word in words.split() if not word.startswith("--")]
    base = plain[0].lower() if plain else ""
    named = len(plain) >= 3 and plain[1].lower() == "as"
    return base, plain[2].lower() if named else ""
