"""Numbers and units, the same in every report."""

from __future__ import annotations

import pytest

from pytest_echoleak.reports import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.000 object"),
        (1.0004, "1.000 object"),
        (0.0, "0.000 objects"),
        (0.01, "0.010 objects"),
        (2.0, "2.000 objects"),
        (1234.5, "1,234.500 objects"),
        (0.0001, "1e-04 objects"),
    ],
)
def test_a_rate_has_three_decimals_and_the_right_plural(value: float, text: str) -> None:
    assert units.counted(value, "object") == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 requests"), (1, "1 request"), (1000, "1,000 requests")]
)
def test_a_count_has_thousands_separators_and_the_right_plural(count: int, text: str) -> None:
    assert units.whole(count, "request") == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (64, "64 B"),
        (63.998, "64 B"),
        (0.32, "0.32 B"),
        (12.345, "12.3 B"),
        (1040, "1,040 B"),
        (9_999, "9,999 B"),
        (9_999.9, "10 kB"),
        (77_000, "77 kB"),
        (12_345, "12.3 kB"),
        (999_900, "1 MB"),
        (1_000_000, "1 MB"),
        (1_234_567, "1.23 MB"),
        (120_000_000, "120 MB"),
        (3_000_000_000, "3 GB"),
        (-64, "-64 B"),
        (-77_000, "-77 kB"),
    ],
)
def test_a_size_is_in_si_units(size_bytes: float, text: str) -> None:
    assert units.size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (3.25, "3.2 s"), (9.96, "10 s"), (59.6, "60 s"), (125, "2 min 05 s")],
)
def test_a_duration_is_told_as_people_say_it(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (6.908 / 1000, "1 in 140"),
        (0.01, "1 in 100"),
        (1.0, "1 in 1"),
        (0.3, "1 in 3"),
        (6.908 / 10_000, "1 in 1,400"),
        (6.908 / 1_000_000, "1 in 140,000"),
    ],
)
def test_what_a_pass_excludes_is_never_overstated(rate: float, text: str) -> None:
    assert units.one_in(rate) == text
    assert 1 / float(text.removeprefix("1 in ").replace(",", "")) >= rate


def test_percent() -> None:
    assert units.percent(0.999) == "99.9 %"
    assert units.percent(1.0) == "100 %"
