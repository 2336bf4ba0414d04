"""Real heap dumps of the app `holders`, made by a given Go."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_echoleak.heap.analysis import Question
from tests.goapps import app

COUNT = 100
SOURCE = app("holders") / "main.go"
SOURCES = (SOURCE, *map(SOURCE.with_name, ("structures.go", "generic.go", "expiring.go")))


@dataclass(frozen=True)
class Dumps:
    """Two dumps of one process, COUNT leaks of each kind apart, and its program."""

    before: Path
    after: Path
    binary: Path


def make_dumps(folder: Path, toolchain: str, *build_flags: str) -> Dumps:
    """Build the app with `toolchain` ("local", "go1.27.3") and run it."""
    dumps = Dumps(folder / "before", folder / "after", folder / "holders")
    environment = {**os.environ, "GOTOOLCHAIN": toolchain, "CGO_ENABLED": "0", "GOFLAGS": ""}
    build = ["go", "build", *build_flags, "-o", str(dumps.binary), "."]
    subprocess.run(build, cwd=SOURCE.parent, env=environment, check=True)
    run = {"DUMP_BEFORE": str(dumps.before), "DUMP_AFTER": str(dumps.after), "COUNT": str(COUNT)}
    subprocess.run([dumps.binary], env={**os.environ, **run}, check=True, timeout=60)
    return dumps


def place_of(leak: str) -> tuple[str, int]:
    """Return the file and the line that the comment "leaks: NAME" marks."""
    for source in SOURCES:
        for number, text in enumerate(source.read_text().splitlines(), 1):
            if re.search(rf"// leaks: {leak}$", text):
                return str(source), number
    raise LookupError(leak)


def question(leak: str) -> Question:
    """Return the question who holds what that line allocated."""
    file, line = place_of(leak)
    return Question(leak, file=file, line=line)
