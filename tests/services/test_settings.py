from __future__ import annotations

from typing import Any

import pytest

from pytest_echoleak.errors import SettingError
from pytest_echoleak.services.settings import pprof_port, pprof_url, resolve_environment
from pytest_echoleak.services.specs import Binary, Running


def resolved(inherited_godebug: str = "", **settings: Any) -> tuple[dict[str, str], list[str]]:
    return resolve_environment(
        Binary(path="service", **settings),
        port=8080,
        addr="0.0.0.0:8080",
        host="172.17.0.1",
        inherited_godebug=inherited_godebug,
    )


def test_a_service_is_told_its_port_and_address() -> None:
    environment, args = resolved()
    assert environment == {
        "PORT": "8080",
        "ADDR": "0.0.0.0:8080",
        "GODEBUG": "memprofilerate=1",
    }
    assert args == []


def test_what_the_user_sets_wins() -> None:
    environment, _ = resolved(env={"PORT": "99", "ADDR": ":99"})
    assert (environment["PORT"], environment["ADDR"]) == ("99", ":99")


def test_placeholders_are_filled_in_environment_and_arguments() -> None:
    environment, args = resolved(
        env={"LISTEN": "tcp://{addr}", "UPSTREAM": "http://{host}:{port}/{port}"},
        args=["--port={port}", "{addr}"],
    )
    assert environment["LISTEN"] == "tcp://0.0.0.0:8080"
    assert environment["UPSTREAM"] == "http://172.17.0.1:8080/8080"
    assert args == ["--port=8080", "0.0.0.0:8080"]


@pytest.mark.parametrize(
    "text", ['{"json": {}}', "{user}", "{{port}", "{0}", "{port!r}", "%s", "$PORT", "{PORT}", "{"]
)
def test_other_braces_stay_as_they_are(text: str) -> None:
    environment, args = resolved(env={"X": text}, args=[text])
    expected = text.replace("{port}", "8080")
    assert environment["X"] == expected
    assert args == [expected]


def test_a_filled_value_is_not_filled_again() -> None:
    environment, _ = resolve_environment(
        Binary(path="x", env={"X": "{addr}"}), port=1, addr="{port}", host="h"
    )
    assert environment["X"] == "{port}"


@pytest.mark.parametrize(
    ("own", "inherited", "expected"),
    [
        (None, "", "memprofilerate=1"),
        ("", "", "memprofilerate=1"),
        ("gctrace=1", "", "gctrace=1,memprofilerate=1"),
        (" gctrace=1 , http2client=0 ,", "", "gctrace=1,http2client=0,memprofilerate=1"),
        ("memprofilerate=4096", "", "memprofilerate=4096"),
        ("a=1, memprofilerate=0", "", "a=1,memprofilerate=0"),
        (None, "gctrace=1", "gctrace=1,memprofilerate=1"),
        ("a=1", "gctrace=1", "a=1,memprofilerate=1"),
    ],
)
def test_profiles_are_exact_unless_the_user_says_otherwise(
    own: str | None, inherited: str, expected: str
) -> None:
    env = {} if own is None else {"GODEBUG": own}
    assert resolved(inherited, env=env)[0]["GODEBUG"] == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"env": {"A=B": "x"}},
        {"env": {"": "x"}},
        {"env": {"A": 5}},
        {"args": ["a\0b"]},
        {"args": [1]},
    ],
)
def test_what_no_system_takes_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="no text"):
        resolved(**settings)


@pytest.mark.parametrize(
    ("pprof", "port", "url"),
    [
        ("/debug/pprof", None, "http://127.0.0.1:41/debug/pprof"),
        ("/debug/pprof/", None, "http://127.0.0.1:41/debug/pprof"),
        (":6060/debug/pprof", 6060, "http://127.0.0.1:6060/debug/pprof"),
        (":6060/debug/pprof/", 6060, "http://127.0.0.1:6060/debug/pprof"),
        (":6060", 6060, "http://127.0.0.1:6060"),
        ("http://10.0.0.1:7/x/", None, "http://10.0.0.1:7/x"),
        ("https://ops.example/pprof", None, "https://ops.example/pprof"),
    ],
)
def test_where_pprof_is(pprof: str, port: int | None, url: str) -> None:
    spec = Binary(path="x", pprof=pprof)
    assert pprof_port(spec) == port
    assert pprof_url(spec, "http://127.0.0.1:41") == url


def test_a_published_port_of_pprof() -> None:
    spec = Binary(path="x", pprof=":6060/debug/pprof")
    url = pprof_url(spec, "http://127.0.0.1:41", port_base_url="http://127.0.0.1:49153")
    assert url == "http://127.0.0.1:49153/debug/pprof"


def test_the_address_of_a_running_service_may_be_ipv6_or_below_a_path() -> None:
    assert (
        pprof_url(Running("http://[::1]:8/", pprof=":9/p"), "http://[::1]:8/") == "http://[::1]:9/p"
    )
    assert pprof_url(Running("http://h/api/"), "http://h/api/") == "http://h/api/debug/pprof"


@pytest.mark.parametrize(
    "pprof", ["", "debug/pprof", ":x/p", ":0/p", ":70000/p", "ftp://h/p", "//h"]
)
def test_a_place_that_makes_no_sense_is_refused(pprof: str) -> None:
    with pytest.raises(SettingError, match="pprof="):
        pprof_url(Binary(path="x", pprof=pprof), "http://127.0.0.1:41")
