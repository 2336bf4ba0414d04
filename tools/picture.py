"""Make docs/failure.svg, docs/failure.txt and the text in README.md anew: `make picture`.

They show a real run of demo/test_watch.py.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
COMMAND = "pytest test_watch.py"
COLUMNS = 130

_HEADER = re.compile(r"(platform|rootdir|configfile|cachedir|plugins|echoleak:) ?")
_TEXT_IN_README = re.compile(r"(```text\n)>(?:.*\n)+?(?=```)")
_ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
_CHAR_WIDTH, _LINE_HEIGHT, _MARGIN = 7.8, 18, 16
_PLAIN = "#d0d7de"
_COLOURS = {
    31: "#ff7b72",
    32: "#7ee787",
    33: "#e3b341",
    34: "#79c0ff",
    35: "#d2a8ff",
    36: "#76e3ea",
}
_COLOURS |= {code + 60: colour for code, colour in _COLOURS.items()}


def main() -> int:
    """Run the demonstration's test, which must fail, and draw what it printed."""
    shown = _without_folders(_failing_run())
    DOCS.mkdir(exist_ok=True)
    (DOCS / "failure.svg").write_text(drawing(shown))
    plain = _ESCAPE.sub("", shown)
    message = [line for line in plain.splitlines() if line.startswith(("E ", ">"))]
    text = "\n".join(line.rstrip() for line in message) + "\n"
    (DOCS / "failure.txt").write_text(text)
    readme = _TEXT_IN_README.sub(lambda match: match[1] + text, README.read_text(), count=1)
    README.write_text(readme)
    return 0


def _failing_run() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--color=yes", "test_watch.py"],
        cwd=ROOT / "demo",
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
    )
    if done.returncode != 1 or "LeakError" not in done.stdout:
        sys.exit(f"the run did not fail with a LeakError:\n{done.stdout}{done.stderr}")
    return done.stdout


def _without_folders(text: str) -> str:
    """Return the output without what differs from machine to machine."""
    kept = [line for line in text.splitlines() if not _HEADER.match(_ESCAPE.sub("", line))]
    return "\n".join(kept).replace(f"{ROOT}/", "")


def drawing(text: str) -> str:
    """Return a terminal's text, with its colours, as SVG."""
    lines = [f"\x1b[32m$\x1b[0m {COMMAND}", *text.splitlines()]
    width = round(2 * _MARGIN + COLUMNS * _CHAR_WIDTH)
    height = 2 * _MARGIN + len(lines) * _LINE_HEIGHT
    rows = "\n".join(
        f'<text x="{_MARGIN}" y="{_MARGIN + (place + 0.75) * _LINE_HEIGHT:g}">{_spans(line)}</text>'
        for place, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img" aria-label="A leak check that fails">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n'
        f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"'
        f' font-size="13" fill="{_PLAIN}" xml:space="preserve">\n{rows}\n</g>\n</svg>\n'
    )


def _spans(line: str) -> str:
    """Return one line as `tspan`s: each run of characters of one style, at its column."""
    spans = []
    colour, bold, column = _PLAIN, False, 0
    for part, codes in _styled(line):
        if part:
            weight = ' font-weight="bold"' if bold else ""
            x = _MARGIN + column * _CHAR_WIDTH
            length = f' textLength="{len(part) * _CHAR_WIDTH:g}"' if part.strip() else ""
            spans.append(
                f'<tspan x="{x:g}" fill="{colour}"{weight}{length}>{html.escape(part)}</tspan>'
            )
        column += len(part)
        for code in codes:
            if code in {0, 39}:
                colour = _PLAIN
            bold = {0: False, 1: True, 22: False}.get(code, bold)
            colour = _COLOURS.get(code, colour)
    return "".join(spans)


def _styled(line: str) -> list[tuple[str, list[int]]]:
    """Return the pieces of a line, each with the codes that follow it."""
    pieces = _ESCAPE.split(line)
    codes = [[int(code or 0) for code in text.split(";")] for text in pieces[1::2]]
    return list(zip(pieces[::2], [*codes, []], strict=True))


if __name__ == "__main__":
    sys.exit(main())
