"""The command `heap`: what lives in a heap dump, and what grew between two."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_echoleak.heap.analysis import analyse
from pytest_echoleak.heap.printing import growth_text, histogram_text

_USAGE = "%(prog)s [--top N] DUMP BINARY\n       %(prog)s [--top N] diff BEFORE AFTER BINARY"
_DESCRIPTION = (
    "Show the heap of a Go program by allocation site, and what keeps most of it alive; with diff,"
    " what is new in a later dump of the same process, and who holds it. BINARY is the program that"
    " was dumped, with symbols and DWARF (no -ldflags '-s -w'): names and types come from it."
    " Values are never shown."
)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command; what it is to run stands in the arguments' `run`."""
    parser = commands.add_parser(
        "heap",
        help="show a heap dump: allocation sites, dominators; diff: what grew and who holds it",
        usage=_USAGE,
        description=_DESCRIPTION,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="as above")
    parser.add_argument("--top", type=_positive, default=20, help="how many lines (default: 20)")
    parser.set_defaults(run=_run, parser=parser)


def _run(arguments: argparse.Namespace) -> str:
    """Return the text to print. Raises EcholeakError."""
    is_diff = arguments.files[0] == "diff"
    files = [Path(name) for name in arguments.files[is_diff:]]
    if len(files) != 2 + is_diff:
        arguments.parser.error("give DUMP BINARY, or diff BEFORE AFTER BINARY")
    if is_diff:
        analysis = analyse(files[1], files[2], before=files[0], growth=True, top=arguments.top)
        return growth_text(analysis)
    return histogram_text(analyse(*files, histogram=True, top=arguments.top))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value
