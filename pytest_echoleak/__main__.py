"""Commands that need no test: `python -m pytest_echoleak COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pytest_echoleak.errors import EcholeakError
from pytest_echoleak.heap import command as heap


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that `words` name; return the exit code: 0, or 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m pytest_echoleak", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    heap.add_command(commands)
    arguments = parser.parse_args(words)
    try:
        print(arguments.run(arguments))
    except EcholeakError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, as `head`, has seen enough.
        sys.stderr.close()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
