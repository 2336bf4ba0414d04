"""The table of settings: what each accepts, and what is said when it is given something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_echoleak.errors import SettingError
from pytest_echoleak.options import Options
from pytest_echoleak.settings import ALL_SETTINGS, CHECK_SETTINGS, DEFAULTS, Setting

BY_NAME = {setting.name: setting for setting in ALL_SETTINGS}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("iterations", 1000, 1000),
        ("iterations", "1000", 1000),
        ("iterations", " 1000 ", 1000),
        ("iterations", 1, 1),
        ("rounds", "3", 3),
        ("warmup", 0, 0),
        ("plateau", "0", 0),
        ("concurrency", "8", 8),
        ("detect", "0.5", 0.5),
        ("detect", 1, 1.0),
        ("expiry", 0, 0.0),
        ("max_seconds", "0.5", 0.5),
        ("tolerance_bytes", "16", 16.0),
        ("tolerance_goroutines", 0, 0.0),
        ("runtime", "docker", "docker"),
        ("url", "https://shop.example:8443", "https://shop.example:8443"),
        ("pprof", ":6060/debug/pprof", ":6060/debug/pprof"),
        ("report", Path("out"), "out"),
        ("agent", "off", "off"),
        ("heapdump", True, True),
        ("selftest", " Yes ", True),
        ("selftest", "off", False),
        ("port", "8081", 8081),
        ("ready", "/healthz", "/healthz"),
        ("env", ["A=1", "", " B=x=y "], ("A=1", "B=x=y")),
        ("env", "A=1\nB=", ("A=1", "B=")),
    ],
)
def test_text_and_native_values_are_the_same(name: str, given: Any, value: Any) -> None:
    assert BY_NAME[name].read(given, name) == value


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("iterations", 0),
        ("iterations", "-1"),
        ("iterations", "many"),
        ("iterations", 1000.5),
        ("iterations", True),
        ("iterations", None),
        ("agent", "maybe"),
        ("heapdump", "often"),
        ("heapdump", 2),
        ("rounds", 2),
        ("warmup", -1),
        ("concurrency", 0),
        ("detect", 0),
        ("detect", 1.01),
        ("detect", "nan"),
        ("plateau", -1),
        ("expiry", "inf"),
        ("expiry", -0.1),
        ("expiry", 1e300),
        ("max_seconds", 0),
        ("max_seconds", float("inf")),
        ("tolerance_bytes", -1),
        ("runtime", "podman"),
        ("runtime", ""),
        ("url", "shop.example"),
        ("pprof", "debug/pprof"),
        ("report", ""),
        ("port", 0),
        ("port", 65_536),
        ("ready", "healthz"),
        ("env", ["A"]),
        ("env", ["=1"]),
        ("env", 5),
    ],
)
def test_a_bad_value_is_refused_by_name_and_with_what_is_accepted(name: str, given: Any) -> None:
    setting = BY_NAME[name]
    with pytest.raises(SettingError) as caught:
        setting.read(given, "--the-spelling")
    text = str(caught.value)
    assert text.startswith(f"--the-spelling: must be {setting.accepted}, not {given!r}")


def test_two_rounds_are_refused_with_the_reason() -> None:
    with pytest.raises(SettingError, match="no repetition"):
        BY_NAME["rounds"].read(2, "rounds")


@pytest.mark.parametrize("setting", CHECK_SETTINGS, ids=lambda setting: setting.name)
def test_every_default_is_a_value_that_its_own_setting_accepts(setting: Setting) -> None:
    default = DEFAULTS.get(setting.name)
    assert default is None or setting.read(default, setting.name) == default


def test_flag_and_ini_key_are_twins() -> None:
    setting = BY_NAME["max_seconds"]
    assert setting.flag_name == "--echoleak-max-seconds"
    assert setting.ini_name == "echoleak_max_seconds"


def test_every_option_of_a_check_is_a_setting() -> None:
    named = {setting.name for setting in CHECK_SETTINGS}
    assert set(Options.__dataclass_fields__) - {"tolerance"} == named - {
        "tolerance_bytes",
        "tolerance_goroutines",
    }
