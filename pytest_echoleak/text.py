"""Text that came from a service, made safe to print.

A service under test may print, or be named, anything: escape sequences that rewrite a terminal,
characters that reverse the direction of writing, megabytes in one line.
"""

from __future__ import annotations

import re
import unicodedata

# SGR sequences, of bounded length: they would drown a log's words once made visible.
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,20}m")
_KEPT_CONTROLS = frozenset("\n\t")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str, limit_chars: int = 20_000) -> str:
    """Return `text` with every control and format character shown as an escape, and cut to a limit.

    Newlines and tabs stay. Of a text over `limit_chars` characters the end is kept: for logs and
    build output the last lines are the ones that matter.
    """
    cut = ""
    if len(text) > limit_chars:
        cut = f"[... {len(text) - limit_chars} characters cut]\n"
        text = text[-limit_chars:]
    return cut + "".join(map(_printable_char, text))


def printable_line(text: str, limit_chars: int = 300) -> str:
    """Return `text` as one safe line, its end cut at `limit_chars` characters."""
    line = printable(text[: limit_chars + 1]).replace("\n", "\\n").replace("\t", " ")
    return line if len(line) <= limit_chars else line[: limit_chars - 3] + "..."


def last_lines(text: str, count: int = 20) -> str:
    """Return the last `count` lines of `text`, safe to print, without the colours of a log."""
    text = _COLOURS.sub("", text)
    return printable("\n".join(text.rstrip().splitlines()[-count:]))


def with_log(message: str, log: str, lines: int = 20) -> str:
    """Return an error's `message` followed by the service's last log lines."""
    tail = last_lines(log, lines)
    if not tail:
        return f"{message}\n\nThe service printed nothing that can be seen from here."
    indented = "\n".join(f"    {line}" for line in tail.splitlines())
    return f"{message}\n\nThe service's last log lines:\n{indented}"


def _printable_char(char: str) -> str:
    if char in _KEPT_CONTROLS or unicodedata.category(char) not in _UNSAFE_CATEGORIES:
        return char
    return char.encode("unicode_escape").decode("ascii")
