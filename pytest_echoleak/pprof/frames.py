"""Stacks as profiles name them."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias


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


def short_function(function: str) -> str:
    """Return a function as a developer would write it: "cron.(*Cron).run".

    Without the folders of its package's path, its major version, and type arguments.
    """
    plain = without_arguments(function.replace("%2e", "."))
    path, _, name = plain.rpartition("/")
    if re.match(r"v\d+\.", name):
        name = path.rpartition("/")[2] + name[name.index(".") :]
    return re.sub(r"^([\w-]+)\.v\d+\.", r"\1.", name)
