"""The labels are true: each is checked by the independent counter, on a program of its own."""

from __future__ import annotations

import os
from pathlib import Path

import filelock
import pytest

from tests.corpus import labels, truth
from tests.corpus.labels import Case
from tests.corpus.truth import Growth

CASES = labels.cases()
# An Allow changes the check, not the truth.
MEASURED = [case for case in CASES if not case.allow]
# A healthy service still fills a cache per processor: what channels and locks wait with.
_NOISE_OBJECTS = 0.25
_LEAK_OBJECTS = 0.1
# Whatever the number of requests: caches of Go and of libraries that fill now or then.
_STRAY_OBJECTS = 100
_LEAK_SHARE = 0.02
# Slices, maps and buffers grow in steps, which a label leaves out.
_STEPS_BYTES = 64
_STEPS_FACTOR = 2.5


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all programs of the corpus, built once for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "corpus"
    with filelock.FileLock(str(folder.with_suffix(".lock"))):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            unfinished.mkdir(exist_ok=True)
            truth.build_all(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: case.name)
def test_the_independent_counter_confirms_the_label(case: Case, programs: Path) -> None:
    with truth.running(truth.program(programs, case.service)) as port:
        measured = truth.growth(case, port)

    if case.verdict == "clean":
        assert_bounded(case, measured)
    else:
        assert_grows(case, measured)


def assert_bounded(case: Case, measured: Growth) -> None:
    assert measured.objects <= _tolerance(case, _NOISE_OBJECTS), measured
    assert measured.goroutines <= 0.02, measured


def assert_grows(case: Case, measured: Growth) -> None:
    assert case.goroutines is not None
    assert measured.goroutines == pytest.approx(case.goroutines, abs=0.02), measured
    if case.objects is None:
        assert measured.objects >= 0.5, measured
    else:
        # A goroutine is an object, too, and so is what it waits with. Labels count neither.
        tolerance = _tolerance(case, max(_LEAK_OBJECTS, _LEAK_SHARE * case.objects))
        least = case.objects + case.goroutines - tolerance
        assert least <= measured.objects <= least + case.goroutines + 2 * tolerance, measured
    if case.bytes:
        most = _STEPS_FACTOR * case.bytes + _STEPS_BYTES
        assert (1 - _LEAK_SHARE) * case.bytes <= measured.bytes <= most, measured


def _tolerance(case: Case, usual: float) -> float:
    stated = case.truth_objects_tolerance
    return (usual if stated is None else stated) + _STRAY_OBJECTS / case.truth_requests


def test_the_corpus_is_as_large_and_as_mixed_as_it_is_meant_to_be() -> None:
    services = labels.load()
    echo = [service for service in services if service.framework != "net/http"]
    real = [service for service in services if service.libraries]

    assert len(services) >= 50
    assert 0.4 <= len(echo) / len(services) <= 0.65
    assert {service.framework for service in echo} == {"echo4", "echo5"}
    assert len(real) / len(services) >= 0.2
    assert {case.cause for case in CASES} == {"", *labels.CAUSES}
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_leak_has_a_healthy_twin() -> None:
    for service in labels.load():
        verdicts = {case.verdict for case in service.cases}
        # What a middleware of the whole router leaks has no route that is free of it.
        assert "clean" in verdicts or service.name == "tracing", service.name
