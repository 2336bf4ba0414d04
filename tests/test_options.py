"""The resolver: argument > marker > flag > ini > default."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_echoleak.errors import SettingError
from pytest_echoleak.options import NO_EVENT_FACTOR, Options, resolve_options
from pytest_echoleak.tolerance import Tolerance


def test_without_layers_the_defaults_hold() -> None:
    assert resolve_options() == Options()


def test_of_each_option_the_first_layer_that_gives_it_wins() -> None:
    argument = {"iterations": 100, "warmup": None, "rounds": None}
    marker = {"iterations": 200, "warmup": 0}
    flag = {"warmup": 5, "rounds": "4"}
    options = resolve_options(argument, marker, flag, {"detect": "0.5"})
    assert (options.iterations, options.warmup, options.rounds) == (100, 0, 4)
    assert options.detect == 0.5


def test_zero_is_a_value_and_none_is_not() -> None:
    assert resolve_options({"plateau": None}, {"plateau": 0}, {"plateau": 7}).plateau == 0


def test_the_halves_of_the_tolerance_come_from_different_layers() -> None:
    options = resolve_options({"tolerance_bytes": "16"}, {"tolerance_goroutines": 0.5})
    assert options.tolerance == Tolerance(bytes_per_iteration=16, goroutines_per_iteration=0.5)


def test_a_whole_tolerance_replaces_the_halves() -> None:
    mine = Tolerance(objects_per_iteration=2)
    assert resolve_options({"tolerance": mine}, {"tolerance_bytes": 16}).tolerance == mine


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"rounds": 2}, "rounds: must be a whole number, 3 or more"),
        ({"tolerance": 16}, "tolerance: must be a Tolerance"),
        ({"tolerance_bytes": float("nan")}, "tolerance_bytes: must be"),
        ({"iteration": 5}, "iteration: unknown option; known are concurrency"),
        ({"iterations": 4, "rounds": 5}, "iterations: 4 cannot fill 5 rounds"),
    ],
)
def test_a_bad_value_names_its_option(layer: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        resolve_options(layer)


def test_iterations_and_rounds_are_held_against_each_other_across_layers() -> None:
    assert resolve_options({"iterations": 3}, {"rounds": 3}).measured_iterations == 3
    with pytest.raises(SettingError, match="3 at least"):
        resolve_options({"rounds": 10}, {"iterations": 9})


@pytest.mark.parametrize("detect", [0.001, 0.01, 0.5, 1.0])
def test_without_iterations_there_are_as_many_as_detect_needs(detect: float) -> None:
    options = resolve_options({"detect": detect})
    assert options.measured_iterations * detect >= NO_EVENT_FACTOR
    assert options.measured_iterations % options.rounds == 0
