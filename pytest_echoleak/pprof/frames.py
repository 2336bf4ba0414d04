"""Stacks as profiles name them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Frame(NamedTuple):
    """One call: the function by its Go symbol, the file as compiled, the line in it."""

    function: str
    file: str
    line: int


Stack: TypeAlias = tuple[Frame, ...]
"""A call stack, the innermost frame first."""
