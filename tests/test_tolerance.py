"""What a Tolerance and an Allow may say."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_echoleak.errors import SettingError
from pytest_echoleak.tolerance import Allow, Tolerance

LIMITS = [field.name for field in dataclasses.fields(Tolerance)]


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_may_be_zero_or_more(name: str) -> None:
    assert getattr(Tolerance(**{name: 0}), name) == 0
    assert getattr(Tolerance(**{name: 16}), name) == 16
    assert getattr(Tolerance(), name) is None


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [-1, -0.001, float("inf"), float("nan")])
def test_any_other_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"Tolerance\\({name}=.*finite number, 0 or more"):
        Tolerance(**{name: value})  # type: ignore[arg-type]


def test_limits_are_given_by_name_alone() -> None:
    with pytest.raises(TypeError):
        Tolerance(16)  # type: ignore[call-arg]


@pytest.mark.parametrize("function", ["", "  "])
def test_an_allow_names_a_function(function: str) -> None:
    with pytest.raises(SettingError, match="name a function"):
        Allow(function=function, reason="a cache")


def test_an_allow_has_a_reason() -> None:
    with pytest.raises(SettingError, match=r"main\.f.*say the reason"):
        Allow(function="main.f", reason=" ")


@pytest.mark.parametrize("name", ["at_most_bytes", "at_most_objects", "at_most_goroutines"])
def test_an_allows_limits(name: str) -> None:
    assert getattr(Allow(function="f", reason="r", **{name: 0}), name) == 0
    with pytest.raises(SettingError, match=name):
        Allow(function="f", reason="r", **{name: -1})
