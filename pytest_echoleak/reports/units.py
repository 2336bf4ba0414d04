"""Numbers with their units, as every report writes them."""

from __future__ import annotations

_BYTE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def number(value: float) -> str:
    """Return a rate with three decimals ("1.000", "1,040.000"), a tiny one with one digit."""
    if value and abs(value) < 0.0005:
        return f"{value:.0e}"
    return f"{value:,.3f}"


def counted(value: float, noun: str) -> str:
    """Return a rate and its noun: "1.000 object", "0.010 objects"."""
    text = number(value)
    return f"{text} {noun}" if text in ("1.000", "-1.000") else f"{text} {noun}s"


def whole(value: int, noun: str) -> str:
    """Return a count and its noun: "1 request", "1,000 requests"."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def size(size_bytes: float) -> str:
    """Return a size in B below 10 kB, else in kB, MB or GB with three digits: "64 B", "77 kB"."""
    if abs(size_bytes) < 9_999.5:
        return f"{_plain(size_bytes)} B"
    unit, factor = next(one for one in _BYTE_UNITS if abs(size_bytes) >= one[1] * 0.9995)
    return f"{_three_digits(size_bytes / factor)} {unit}"


def duration(seconds: float) -> str:
    """Return a duration: "0.4 s", "12 s", "2 min 05 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def one_in(rate: float) -> str:
    """Return a rate as "1 in 140": what it is below, so rounded down, to two digits."""
    inverse = max(int(1 / rate), 1)
    step = 10 ** max(len(str(inverse)) - 2, 0)
    return f"1 in {inverse // step * step:,}"


def percent(share: float) -> str:
    """Return a share in percent: "99.9 %", "100 %"."""
    return f"{share * 100:.4g} %"


def _plain(value: float) -> str:
    if abs(value - round(value)) < 0.005:
        return f"{round(value):,}"
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"


def _three_digits(value: float) -> str:
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
