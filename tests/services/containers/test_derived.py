"""Dockerfiles derived from the user's: what is added where, and that nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_echoleak.services.containers.derived import (
    instructions,
    with_agent,
    with_stage_labels,
)

COPY = "COPY --from=agent:1 /.echoleak /.echoleak"
PATH = (
    "ENV PATH=/.echoleak/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
)


def test_a_label_follows_each_from_and_nothing_else() -> None:
    text = """# syntax comment
ARG VERSION=1.26
FROM golang:${VERSION} AS build
RUN echo \\
# a comment in between
  FROM nowhere
from \\
    scratch
COPY --from=build /a /b
"""
    labelled = with_stage_labels(text, "x:1").splitlines()
    label = "LABEL pytest-echoleak.stage=x:1"
    assert [at for at, line in enumerate(labelled) if line == label] == [3, 9]
    assert [line for line in labelled if line != label] == text.splitlines()


def added(text: str) -> list[tuple[str, str]]:
    """Return what `with_agent` adds, each line with the one before it; the rest is as it was."""
    derived = with_agent(text, "agent:1")
    assert derived is not None
    lines = derived.splitlines()
    ours = {COPY, PATH}
    assert [line for line in lines if line not in ours] == text.splitlines()
    return [
        ("COPY" if line == COPY else "PATH", lines[at - 1])
        for at, line in enumerate(lines)
        if line in ours
    ]


def test_stages_that_run_something_get_the_agent() -> None:
    text = """# syntax=docker/dockerfile:1
ARG VERSION=1.26
FROM --platform=linux/amd64 golang:${VERSION} AS Build
WORKDIR /src
COPY . .
RUN go build -o /server .

FROM alpine AS certificates
COPY --from=build /server /server

FROM scratch
COPY --from=build /server /server
ENTRYPOINT ["/server"]
"""
    build = "FROM --platform=linux/amd64 golang:${VERSION} AS Build"
    assert added(text) == [("COPY", build), ("PATH", COPY)]


def test_a_stage_that_goes_on_from_one_with_the_agent_has_it() -> None:
    text = "FROM golang AS base\nRUN go version\nFROM Base as build\nRUN go install ./...\n"
    assert added(text) == [
        ("COPY", "FROM golang AS base"),
        ("PATH", COPY),
        ("PATH", "FROM Base as build"),
    ]


@pytest.mark.parametrize(
    "line",
    ["ENV PATH=/opt/go/bin:/bin", "ENV A=1 PATH=/bin", "env PATH /bin", "ENV A=1 \\\n  PATH=/bin"],
)
def test_a_path_of_the_users_stands_behind_ours(line: str) -> None:
    last = line.splitlines()[-1]
    assert added(f"FROM golang\n{line}\nRUN go build\n")[2:] == [("PATH", last)]


def test_another_variable_is_no_path() -> None:
    assert len(added("FROM golang\nENV GOPATH=/go XPATH=/x\nRUN go build\n")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\nCOPY server /server\n",
        "FROM alpine\nCOPY server /server\nCMD server\n",
        "# escape=`\nFROM golang\nRUN go build\n",
        "# syntax=x\n# escape = `\nFROM golang\nRUN go build\n",
        "",
        "RUN nothing to begin from\n",
    ],
)
def test_where_nothing_is_compiled_nothing_is_added(text: str) -> None:
    assert with_agent(text, "agent:1") is None


def test_lines_of_a_here_document_are_no_instructions() -> None:
    text = """FROM golang
RUN <<EOF
go build
FROM elsewhere
EOF
COPY <<-"one" <<two /somewhere/
\tRUN nothing
\tone
FROM nowhere
two
FROM scratch
"""
    assert [one.name for one in instructions(text)] == ["FROM", "RUN", "COPY", "FROM"]
    assert added(text) == [("COPY", "FROM golang"), ("PATH", COPY)]


def test_a_tab_may_stand_behind_an_instructions_name() -> None:
    text = "FROM\tgolang\nRUN\tcat <<EOF\nFROM nowhere\nEOF\nENV\tPATH=/bin\n"
    assert [one.name for one in instructions(text)] == ["FROM", "RUN", "ENV"]
    assert added(text) == [
        ("COPY", "FROM\tgolang"),
        ("PATH", COPY),
        ("PATH", "ENV\tPATH=/bin"),
    ]


@pytest.mark.parametrize(
    "command", ["cat <<<EOF", 'cat <<<"$A"', "echo $((1<<N))", "cat <<EOF $((1<<N))\nEOF"]
)
def test_what_only_looks_like_a_here_document_swallows_nothing(command: str) -> None:
    text = f"FROM golang\nRUN {command}\nENV PATH=/bin\nFROM golang\nRUN go build\n"
    assert [one.name for one in instructions(text)] == ["FROM", "RUN", "ENV", "FROM", "RUN"]


def test_a_shift_in_a_command_begins_no_here_document_for_ever() -> None:
    text = "FROM golang\nENV A=1<<END\nRUN go build\n"
    assert [one.name for one in instructions(text)] == ["FROM", "ENV", "RUN"]


@given(st.text(st.sampled_from("FROM RUN<\\\n#`EOFscratch -\"'"), max_size=80))
def test_no_line_is_lost_whatever_the_text(text: str) -> None:
    assert [line for one in instructions(text) for line in one.lines] == text.splitlines()
    derived = with_agent(text, "agent:1")
    if derived is not None:
        kept = [line for line in derived.splitlines() if line not in {COPY, PATH}]
        assert kept == text.splitlines()
