"""The catalogue: every known cause, from the specific to the general. The first that fits is it.

An entry is data and a predicate over the clues (clues.py; evidence.py and containers.py have the
questions that several ask). To add one: write it, put it before what is more general, and give it a
test. A user's own entries come before all of these.
"""

from __future__ import annotations

from pytest_echoleak.causes import goroutines, memory, resources
from pytest_echoleak.causes.cause import Cause

CATALOGUE: tuple[Cause, ...] = (*resources.CAUSES, *goroutines.CAUSES, *memory.CAUSES)
