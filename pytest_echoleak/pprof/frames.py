"""Stacks as profiles name them."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

_MAJOR = re.compile(r"v(?:[2-9]|\d\d+)\.")


class Frame(NamedTuple):
    """One call: the function by its Go symbol, the file as compiled, the line in it."""

    function: str
    file: str
    line: int


Stack: TypeAlias = tuple[Frame, ...]
"""A call stack, the innermost frame first."""


def without_arguments(function: str, instead: str = "") -> str:
    """Return a function's symbol with `instead` where its type arguments are."""
    start, end = function.find("["), function.rfind("]")
    return (
        function if start < 0 or end < start else function[:start] + instead + function[end + 1 :]
    )


def as_runtime_names(frame: Frame) -> Frame:
    """Return a frame with `[...]` for type arguments, as the runtime names a function.

    Heap dumps and pprof's own profiles name what generic code has for them.
    """
    if "[" not in frame.function:
        return frame
    return frame._replace(function=without_arguments(frame.function, "[...]"))


def short_function(function: str) -> str:
    """Return a function as a developer would write it: "cron.(*Cron).run".

    Without the folders of its package's path, its major version (from 2 on: a v1 is a package), and
    type arguments.
    """
    plain = without_arguments(function.replace("%2e", "."))
    path, _, name = plain.rpartition("/")
    if _MAJOR.match(name):
        name = path.rpartition("/")[2] + name[name.index(".") :]
    return re.sub(r"^([\w-]+)\.v\d+\.", r"\1.", name)


def short_package(function: str) -> str:
    """Return a function's package as `short_function` begins its name: without its folders."""
    return short_function(function).partition(".")[0]
