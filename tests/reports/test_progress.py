"""The progress line: there when one wonders, gone when the check is over."""

from __future__ import annotations

import io
import sys

import pytest

from pytest_echoleak.reports.progress import ProgressLine, progress_text, progress_wanted
from pytest_echoleak.results import Progress


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in place of standard output; in the test, since pytest's capture undoes it."""
    made = Terminal()
    monkeypatch.setattr(sys, "stdout", made)
    return made


def at(seconds: float, done: int = 600) -> Progress:
    return Progress("GET /users/42", "round 3", done, 1000, seconds)


def test_short_checks_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with ProgressLine(None, lambda: 60) as line:
        line(at(0.5))
        line(at(1.9))
    assert terminal.getvalue() == ""


def test_a_long_check_shows_how_far_it_is_and_erases_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with ProgressLine(None, lambda: 60) as line:
        line(at(2.5))
        shown = terminal.getvalue()
    assert shown == "\x1b7  GET /users/42, round 3, 600/1,000, 2.5 s\x1b[K\x1b8"
    assert terminal.getvalue() == shown + "\x1b7\x1b[K\x1b8"


def test_it_is_erased_when_the_check_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    def interrupted() -> None:
        with ProgressLine(None, lambda: 60) as line:
            line(at(2.5))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith("\x1b7\x1b[K\x1b8")


def test_it_does_not_flicker(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with ProgressLine(None, lambda: 60) as line:
        for step in range(100):
            line(at(2.5 + step / 1000))
    assert terminal.getvalue().count("round 3") == 1


def test_it_never_breaks_the_line_it_stands_on() -> None:
    for room in range(80):
        assert len(progress_text(at(12.0), room)) < max(room, 1)
    assert progress_text(at(12.0), 20) == "  60 %, 12 s"
    assert progress_text(at(12.0), 5) == ""


def test_a_phase_of_unknown_length_shows_no_share() -> None:
    idle = Progress("GET /users/42", "idle", 0, 0, 7.0)
    assert progress_text(idle, 60) == "  GET /users/42, idle, 7.0 s"


def test_without_a_terminal_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with ProgressLine(None, lambda: 60) as line:
        line(at(2.5))
    assert out.getvalue() == ""


def test_nobody_watches_in_ci_or_under_q(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    assert progress_wanted(0)
    assert not progress_wanted(-1)
    monkeypatch.setenv("CI", "true")
    assert not progress_wanted(0)
    monkeypatch.delenv("CI")
    monkeypatch.setenv("TERM", "dumb")
    assert not progress_wanted(0)
