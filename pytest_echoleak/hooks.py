"""The hooks that this plugin calls: for conftest.py files and other plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_echoleak.causes.cause import Cause


@pytest.hookspec
def pytest_echoleak_causes(config: pytest.Config) -> Sequence[Cause]:  # type: ignore[empty-body]
    """Return causes of leaks of your own. They are tried before those of the catalogue.

    Each is a `Cause`: what to say, and a function that tells from `Clues` whether it fits.
    """
