"""Relative paths in specs are taken from pytest's root folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_echoleak.rooted_services import rooted
from pytest_echoleak.services.specs import (
    Binary,
    Dockerfile,
    GoSource,
    Image,
    Running,
    Spec,
    without_agent,
)

ROOT = Path("/project")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (GoSource("shop", package="./cmd"), GoSource(ROOT / "shop", package="./cmd")),
        (GoSource(Path("/opt/shop")), GoSource(Path("/opt/shop"))),
        (Dockerfile("shop", dockerfile="a/Df"), Dockerfile(ROOT / "shop", dockerfile="a/Df")),
        (Binary("bin/shop", port=1), Binary(ROOT / "bin/shop", port=1)),
        (
            Image("shop:1", files=["a.txt", ("b.txt", "/etc/b.txt")]),
            Image("shop:1", files=(ROOT / "a.txt", (ROOT / "b.txt", "/etc/b.txt"))),
        ),
        (Running("http://127.0.0.1:1"), Running("http://127.0.0.1:1")),
    ],
)
def test_only_relative_paths_change(spec: Spec, expected: Spec) -> None:
    assert rooted(spec, ROOT) == expected


def test_a_tilde_is_the_home_folder() -> None:
    assert rooted(Binary("~/shop"), ROOT) == Binary(Path.home() / "shop")


def test_two_spellings_of_one_folder_share_a_service() -> None:
    specs = [rooted(GoSource(path), ROOT) for path in ("shop", "/project/shop", "./shop")]
    assert len({spec.key() for spec in specs}) == 1


def test_without_the_agent_means_what_is_built_here() -> None:
    for spec in (GoSource("shop"), Dockerfile("shop")):
        assert without_agent(spec) == replace(spec, agent=False)
    for other in (Binary("shop"), Image("shop:1"), Running("http://127.0.0.1:1")):
        assert without_agent(other) is other
