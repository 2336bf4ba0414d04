"""The public names, and what importing them loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_echoleak

HEAVY = ("docker", "requests", "google.protobuf", "httptools", "psutil")


@pytest.mark.parametrize("name", pytest_echoleak.__all__)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(pytest_echoleak, name)
    assert value.__doc__
    assert name in dir(pytest_echoleak)


def test_the_names_are_sorted_and_unique() -> None:
    assert pytest_echoleak.__all__ == sorted(set(pytest_echoleak.__all__))


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        pytest_echoleak.nothing  # noqa: B018


@pytest.mark.parametrize("module", ["pytest_echoleak", "pytest_echoleak.plugin"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_error_is_one_of_ours_and_a_leak_is_a_failed_assertion() -> None:
    names = [name for name in pytest_echoleak.__all__ if name.endswith("Error")]
    for name in names:
        kind = getattr(pytest_echoleak, name)
        assert issubclass(kind, (pytest_echoleak.EcholeakError, AssertionError)), name
        assert not (
            issubclass(kind, pytest_echoleak.EcholeakError) and issubclass(kind, AssertionError)
        ), name
    assert issubclass(pytest_echoleak.LeakError, AssertionError)
    assert issubclass(pytest_echoleak.SettingError, ValueError)
