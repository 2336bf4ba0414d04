"""What holds of every driver."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread; an unclosed socket is a ResourceWarning, which pytest makes an error."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
    gc.collect()
