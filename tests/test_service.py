"""What a service is to the tests that share it."""

from __future__ import annotations

import time

from pytest_echoleak.service import EchoService
from pytest_echoleak.services.attached import AttachedInstance
from pytest_echoleak.services.launch import Launched
from pytest_echoleak.services.specs import Running


def attached() -> EchoService:
    spec = Running("http://127.0.0.1:4182")
    return EchoService(spec, Launched(AttachedInstance(spec), "attached"))


def test_workers_that_take_turns_never_send_a_number_twice() -> None:
    """Each has its own idea of the service that they share, made at the same time."""
    workers = [attached() for _ in range(3)]
    taken: list[int] = []
    for worker in workers * 20:
        first = worker.take_numbers(100)
        taken += range(first, first + 100)
        time.sleep(0.001)  # what 100 requests take at the very least
    assert len(set(taken)) == len(taken)
    assert taken == sorted(taken)
