"""What the doctor says of what it found."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_echoleak import Dockerfile, GoSource, Running
from pytest_echoleak.__main__ import main
from pytest_echoleak.doctor import Diagnosis, add_command, deeper, spec_of
from pytest_echoleak.errors import SettingError
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


def named(*words: object) -> object:
    parser = ArgumentParser()
    add_command(parser.add_subparsers())
    return spec_of(parser.parse_args(["doctor", *map(str, words)]))


def test_what_may_be_named(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile.prod"
    dockerfile.write_bytes(b"# caf\xe9\nfrom\tscratch\n")
    more = ["--ready", "/healthz", "--port", 9000]

    assert named("http://127.0.0.1:8080") == Running("http://127.0.0.1:8080")
    assert named(tmp_path) == GoSource(tmp_path)
    assert named(tmp_path, "--package", "./cmd", *more) == GoSource(
        tmp_path, package="./cmd", ready="/healthz", port=9000
    )
    assert named(dockerfile, *more) == Dockerfile(
        tmp_path, dockerfile="Dockerfile.prod", ready="/healthz", port=9000
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--package", "./cmd"], "--package goes with"),
        (["--port", "1"], "--port goes with"),
        (["--ready", "/"], "--ready goes with"),
        (["http://127.0.0.1:1", "--ready", "/"], "--ready goes with"),
        (["Dockerfile", "--package", "./cmd"], "--package goes with"),
    ],
)
def test_an_option_that_would_not_count_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", *words]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"hello\n# FROM scratch\n", b"\x7fELF\0\nFROM scratch\n"])
def test_a_file_that_is_no_dockerfile_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "server").write_bytes(content)
    with pytest.raises(SettingError, match=r"server is no Dockerfile: .*FROM"):
        named(tmp_path / "server")


def test_an_ini_file_that_makes_warnings_errors_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest_echoleak", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the ini file here names no service" in done.stderr
