"""Commands that need no test: `python -m pytest_echoleak COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pytest_echoleak import doctor
from pytest_echoleak.errors import EcholeakError
from pytest_echoleak.heap import command as heap


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that `words` name; return its exit code, 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m pytest_echoleak", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    doctor.add_command(commands)
    heap.add_command(commands)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except EcholeakError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, as `head`, has seen enough.
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())
