"""What the doctor says of what it found."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_echoleak import Dockerfile, GoSource, Running
from pytest_echoleak.doctor import Diagnosis, deeper, spec_of
from pytest_echoleak.heap_dumps import HeapDump
from pytest_echoleak.selftest import SelfTest
from pytest_echoleak.services.binaryinfo import BinaryInfo

SEEN = SelfTest(
    objects=300,
    seen_objects=300,
    seen_bytes=19_200,
    goroutines=300,
    seen_goroutines=300,
    left_objects=0,
    left_goroutines=0,
    exact=True,
    rate_is_users=False,
    named=True,
    snapshot_seconds=0.01,
)
DUMP = HeapDump(Path("1.heapdump"), Path("program"), "go1.26.8", "1:2", 1000, 0.1)
PROGRAM = BinaryInfo(has_symbols=True, has_types=True)
BEST = Diagnosis(True, SEEN, DUMP, "", PROGRAM, proves=True)


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (BEST, []),
        (replace(BEST, program=replace(PROGRAM, has_types=False)), ["-s -w"]),
        (replace(BEST, proves=False), ["Go 1.26 or later"]),
        (replace(BEST, exact=False), ["memprofilerate"]),
        (replace(BEST, self_test=None, dump=None, program=None), ["with the agent"]),
        (
            Diagnosis(False, None, None, "", None, proves=None),
            ["with the agent", "have it started from here"],
        ),
    ],
)
def test_what_would_deepen_the_evidence(found: Diagnosis, advice: list[str]) -> None:
    said = deeper(found)
    assert len(said) == len(advice)
    assert all(words in one for words, one in zip(advice, said, strict=True))


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({}, True),
        ({"seen_objects": 299}, False),
        ({"seen_goroutines": 299}, False),
        ({"left_objects": 1}, False),
        ({"left_goroutines": 1}, False),
        ({"named": False}, False),
        ({"exact": False}, False),
        ({"exact": False, "rate_is_users": True, "seen_objects": 17, "named": False}, True),
        ({"exact": False, "rate_is_users": True, "seen_goroutines": 299}, False),
    ],
)
def test_what_a_self_test_asks_for(change: dict[str, int], passed: bool) -> None:
    made = replace(SEEN, **change)  # type: ignore[arg-type]
    assert made.passed is passed
    assert replace(BEST, self_test=made).healthy is passed


def test_an_agent_that_gives_no_dump_is_a_fault_but_no_agent_is_none() -> None:
    assert not replace(BEST, dump=None, no_dump="it was cut").healthy
    assert replace(BEST, self_test=None, dump=None).healthy


def test_what_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile.prod").write_text("FROM scratch\n")
    settings = {"package": "./cmd", "ready": "/healthz", "port": 9000}

    def named(spec: object) -> object:
        return spec_of(Namespace(spec=str(spec), **settings))

    assert named("http://127.0.0.1:8080") == Running("http://127.0.0.1:8080")
    assert named(tmp_path) == GoSource(tmp_path, package="./cmd", ready="/healthz", port=9000)
    assert named(tmp_path / "Dockerfile.prod") == Dockerfile(
        tmp_path, dockerfile="Dockerfile.prod", ready="/healthz", port=9000
    )
