"""The sentence that tells why, and what would let the same check decide."""

from __future__ import annotations

import pytest

from pytest_echoleak.options import Options
from pytest_echoleak.reasons import reason_of
from tests.made_series import judged, series


@pytest.mark.parametrize(
    ("options", "iterations", "seconds", "advice"),
    [
        (
            Options(),
            209,
            90.0,
            "(209 took 90 s: max_seconds=660, or a larger concurrency, or look for less rare leaks:"
            " detect=0.04)",
        ),
        (Options(), 3, 90.0, "(3 took 90 s: max_seconds=45720, or a larger concurrency)"),
        (Options(iterations=300), 300, 2.0, "(iterations=691, or a larger detect)"),
    ],
)
def test_a_check_that_was_too_short_says_what_would_do(
    options: Options, iterations: int, seconds: float, advice: str
) -> None:
    judgement = judged(series([iterations // 3] * 3))
    text = reason_of("inconclusive", judgement, options, iterations, seconds, kept_too_much=False)
    assert "that takes 691" in text
    assert text.endswith(advice)
