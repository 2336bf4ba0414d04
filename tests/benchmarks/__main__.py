"""All benchmarks, side by side in one run: `make bench`. Writes the table into the README.

    python -m tests.benchmarks [--runtime process|docker] [--only loads,profiles,heaps,...]

With --only the table is printed, and the README left as it is.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import heaps, loads, profiles, verdicts, workers
from tests.benchmarks.table import Row, describe_machine, to_markdown, write

README = Path(__file__).resolve().parents[2] / "README.md"


def main() -> int:
    """Run the benchmarks, and return 1 where a requirement is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description="The plugin's speed")
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--only", default="", help="some of loads,profiles,verdicts,workers,heaps")
    arguments = parser.parse_args()
    runtime = arguments.runtime
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "loads": lambda: loads.rows(runtime),
        "profiles": profiles.rows,
        "verdicts": lambda: verdicts.rows(runtime),
        "workers": lambda: workers.rows(runtime),
        "heaps": heaps.rows,
    }
    chosen = arguments.only.split(",") if arguments.only else list(parts)
    if unknown := set(chosen) - set(parts):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    if "loads" in chosen and (missing := loads.missing()):
        print(missing, file=sys.stderr)
        return 2
    rows = []
    for name in chosen:
        for row in parts[name]():
            rows.append(row)
            print(f"{row.what}: {row.ours_seconds:.3f} s {row.ratio}", flush=True)
    table = to_markdown(rows, _machine())
    print(f"\n{table}")
    if not arguments.only:
        write(README, table)
    return 0 if all(row.met for row in rows) else 1


def _machine() -> str:
    found = subprocess.run(["go", "env", "GOVERSION"], check=True, capture_output=True, text=True)
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return describe_machine(os.cpu_count() or 1, found.stdout.strip(), today)


if __name__ == "__main__":
    sys.exit(main())
