"""Text that came from a service is safe to print."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.text import last_lines, printable, printable_line, with_log


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢\n\ttext", "plain ü 漢\n\ttext"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb\x00\x7f\x9b", "a\\rb\\x00\\x7f\\x9b"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ufeff\u200b\u2028", "\\ufeff\\u200b\\u2028"),
        ("\ud800", "\\ud800"),
    ],
)
def test_controls_and_format_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@settings(deadline=None)
@given(st.text())
def test_whatever_is_shown_can_be_printed(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    bad = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert not any(unicodedata.category(char) in bad for char in shown if char not in "\n\t")
    assert "\n" not in printable_line(text)
    assert len(printable_line(text, 40)) <= 40


def test_of_a_long_text_the_end_is_kept() -> None:
    shown = printable("a" * 100 + "the end", limit_chars=7)
    assert shown == "[... 100 characters cut]\nthe end"


def test_of_a_long_line_the_start_is_kept() -> None:
    assert printable_line("abcdefghij" * 10, 10) == "abcdefg..."
    assert printable_line("a\nb\tc") == "a\\nb c"


def test_last_lines() -> None:
    assert last_lines("1\n2\n3\n\n", 2) == "2\n3"
    assert last_lines("") == ""


def test_an_error_ends_with_the_log() -> None:
    assert with_log("It ended.", "one\n\x1b[2Ktwo\n") == (
        "It ended.\n\nThe service's last log lines:\n    one\n    \\x1b[2Ktwo"
    )
    assert (
        with_log("It ended.", " \n")
        == "It ended.\n\nThe service printed nothing that can be seen from here."
    )


def test_the_colours_of_a_log_are_left_out_and_other_sequences_shown() -> None:
    assert last_lines("\x1b[33mwarned\x1b[0m \x1b[2Jgone") == "warned \\x1b[2Jgone"
