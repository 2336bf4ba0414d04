"""What to start, said in the ini file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.errors import SettingError
from pytest_echoleak.ini_spec import spec_from_settings
from pytest_echoleak.services.specs import Binary, Dockerfile, GoSource, Image, Running

INI = Path("/project")


def test_nothing_named_is_no_spec() -> None:
    assert spec_from_settings({}, INI) is None
    assert spec_from_settings({"iterations": 5, "pprof": ":6060/debug/pprof"}, INI) is None


def test_paths_are_relative_to_the_ini_file() -> None:
    assert spec_from_settings({"go_source": "shop", "package": "./cmd/server"}, INI) == GoSource(
        INI / "shop", package="./cmd/server"
    )
    assert spec_from_settings({"binary": "bin/shop"}, INI) == Binary(INI / "bin/shop")
    assert spec_from_settings({"binary": "/opt/shop"}, INI) == Binary(Path("/opt/shop"))


def test_a_dockerfile_is_named_by_its_file_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    by_file = spec_from_settings({"dockerfile": "shop/Dockerfile.prod"}, tmp_path)
    by_folder = spec_from_settings({"dockerfile": "shop"}, tmp_path)
    assert by_file == Dockerfile(tmp_path / "shop", dockerfile="Dockerfile.prod")
    assert by_folder == Dockerfile(tmp_path / "shop")


def test_the_details_go_with_whatever_is_started() -> None:
    values = {
        "image": "shop:1",
        "port": 9000,
        "ready": "/healthz",
        "env": ("A=1", "DSN=postgres://u:p@host/db?x=y"),
        "pprof": ":6060/debug/pprof",
    }
    assert spec_from_settings(values, INI) == Image(
        "shop:1",
        port=9000,
        ready="/healthz",
        env={"A": "1", "DSN": "postgres://u:p@host/db?x=y"},
        pprof=":6060/debug/pprof",
    )


def test_a_url_comes_before_what_could_be_started() -> None:
    values = {"url": "http://127.0.0.1:8080", "go_source": "shop", "pprof": "/pprof"}
    assert spec_from_settings(values, INI) == Running("http://127.0.0.1:8080", pprof="/pprof")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"image": "a", "binary": "b"}, "echoleak_image and echoleak_binary"),
        ({"image": "a", "package": "./cmd"}, "echoleak_package: needs echoleak_go_source"),
        ({"package": "./cmd"}, "echoleak_package: needs echoleak_go_source"),
        ({"port": 8080}, "echoleak_port: says how to start a service, but none of"),
        ({"env": ("A=1",)}, "echoleak_env: says how to start a service, but none of"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    values: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        spec_from_settings(values, INI)
