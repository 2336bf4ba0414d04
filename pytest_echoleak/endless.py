"""Functions that never return, as their machine code tells: a goroutine in one never ends.

A loop without a way out compiles to code without a return instruction, `for { time.Sleep(d) }` as
well as one whose body calls for hours. `go tool objdump` reads it, for every architecture in Go's
own names. Nor may anything be in it that ends a function otherwise: a panic of the program's own
(the runtime's, for an index out of range, say, are faults), or runtime.Goexit. What it calls may
have these: so the clock is asked, too (outcome.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from pytest_echoleak.pprof.frames import without_arguments
from pytest_echoleak.services.agentbuild import run_go
from pytest_echoleak.services.cache import cache_folder
from pytest_echoleak.services.gobuild import find_go

# Go builds its objdump at the first use.
_LIMIT_SECONDS = 30.0
_MOST_FUNCTIONS = 50
_HEADING = re.compile(r"TEXT (.*)\(SB\)")
_RETURN = re.compile(r"\tRET\b")
_JUMP = re.compile(r"\tJMP (.*)\(SB\)")
_ENDS = ("runtime.gopanic(SB)", "runtime.Goexit(SB)")
_ANY_ARGUMENTS = r"\[.*\]"


def endless_functions(program: Path, functions: Collection[str]) -> frozenset[str]:
    """Return those of `functions`, by their symbols in profiles, that the program never returns of.

    Empty where the program has no symbols: nothing is proved. Takes some seconds at its first use.
    Raises BuildError where there is no `go` command, or none that ends in half a minute.
    """
    named = {without_arguments(name, "[...]") for name in sorted(functions)[:_MOST_FUNCTIONS]}
    if not named:
        return frozenset()
    either = "|".join(_ANY_ARGUMENTS.join(map(re.escape, name.split("[...]"))) for name in named)
    command = ["tool", "objdump", "-s", f"^({either})$", str(program)]
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    done = run_go([find_go(), *command], cache_folder(), environment, _LIMIT_SECONDS)
    return frozenset(_without_return(done.stdout) & named) if done.returncode == 0 else frozenset()


def _without_return(listing: str) -> set[str]:
    """Return the functions of a disassembly of which no instance can return."""
    found: dict[str, bool] = {}
    for symbol, code in _functions(listing):
        jumps = {match.group(1) for line in code if (match := _JUMP.search(line))}
        # The start is jumped to when the stack had to grow; elsewhere is a call in its place.
        leaves = bool(jumps - {symbol}) or any(map(_leaves, code))
        name = without_arguments(symbol, "[...]")
        found[name] = found.get(name, True) and bool(code) and not leaves
    return {name for name, endless in found.items() if endless}


def _leaves(line: str) -> bool:
    return bool(_RETURN.search(line)) or line.rstrip().endswith(_ENDS)


def _functions(listing: str) -> Iterator[tuple[str, list[str]]]:
    symbol, code = "", list[str]()
    for line in listing.splitlines():
        if heading := _HEADING.match(line):
            if symbol:
                yield symbol, code
            symbol, code = heading.group(1), []
        elif line.strip():
            code.append(line)
    if symbol:
        yield symbol, code
