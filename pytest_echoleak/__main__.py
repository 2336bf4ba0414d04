"""The command line: `python -m pytest_echoleak doctor`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pytest_echoleak import doctor


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m pytest_echoleak")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("doctor", help="try out what can be known of a service's memory")
    doctor.add_arguments(one)
    one.set_defaults(run=doctor.run)
    arguments = parser.parse_args(words)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
