"""What README.md says is true: its tables, its examples, its commands, its report."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_echoleak
from pytest_echoleak.causes.catalogue import CATALOGUE
from pytest_echoleak.causes.explaining import explain
from pytest_echoleak.options import (
    NO_EVENT_FACTOR,
    SEVERAL_LOOKS_FACTOR,
    Options,
)
from pytest_echoleak.reports import units
from pytest_echoleak.reports.json_report import SCHEMA, check_as_json, check_from_json
from pytest_echoleak.services.specs import ServiceSettings
from pytest_echoleak.settings import ALL_SETTINGS, DEFAULTS, MARKER_KEYWORDS, Setting
from tests.causes.made import allocated, clues

TENANTS = "example.com/tenants"

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GO_MODULE = Path(__file__).parent / "goapps" / "plain"
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """Return README's code blocks in `language`, without the indent of a list they stand in."""
    return [
        "".join(line.removeprefix(indent) for line in code.splitlines(keepends=True))
        for indent, found, code in _BLOCK.findall(README)
        if found == language
    ]


TESTS = [code for code in blocks("python") if "def test_" in code]
SCRIPTS = [code for code in blocks("python") if "with start(" in code]
CONFTESTS = [code for code in blocks("python") if code.startswith("# conftest.py")]
SPECS = [code for code in CONFTESTS if "def echo_service_spec(" in code]
CAUSES = [code for code in CONFTESTS if "def pytest_echoleak_causes(" in code]


def test_every_python_block_is_of_a_kind_that_is_tested() -> None:
    assert TESTS
    assert len(TESTS) + len(SCRIPTS) + len(CONFTESTS) == len(blocks("python"))


@pytest.mark.parametrize("code", TESTS, ids=lambda code: code.split("def test_")[1].split("(")[0])
def test_examples_of_tests_are_collected_and_use_what_there_is(
    pytester: pytest.Pytester, code: str
) -> None:
    """Their outcome needs a service; names, fixtures, markers and values are checked here."""
    pytester.makepyfile(code)
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config")
    pytester.runpytest("--setup-plan", "-q").assert_outcomes()
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_every_conftest_is_of_a_kind_that_is_tested() -> None:
    assert len(SPECS) + len(CAUSES) == len(CONFTESTS)


def test_example_of_causes_fits_a_leak_of_that_library(pytester: pytest.Pytester) -> None:
    (code,) = CAUSES
    pytester.makeconftest(code)
    pytester.makepyfile("def test_it(): pass")
    config = pytester.parseconfigure()
    ((cause,),) = config.hook.pytest_echoleak_causes(config=config)
    acquired = clues(allocated("example.com/tenants.newTenant", f"{TENANTS}.(*Pool).Acquire"))

    (found,) = explain([acquired], [cause])
    (other,) = explain([clues(allocated("time.NewTicker"))], [cause])

    assert (found.cause, found.see) == ("tenant-not-released", f"go doc {TENANTS}.Pool")
    assert other.cause == "ticker-not-stopped"


def test_table_of_causes_is_complete() -> None:
    section = README.partition("\n## What it says of the cause")[2].partition("\n## ")[0]
    named = {name for row in table_rows(section)[1:] for name in re.findall(r"`([\w-]+)`", row[0])}
    assert named == {cause.name for cause in CATALOGUE}


@pytest.mark.parametrize("code", SPECS)
def test_example_of_a_conftest_says_what_to_start(pytester: pytest.Pytester, code: str) -> None:
    pytester.makeconftest(code)
    pytester.makepyfile(
        """
        from pytest_echoleak import GoSource

        def test_spec(echo_service_spec):
            assert isinstance(echo_service_spec, GoSource)
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_example_of_an_ini_file_says_what_to_start(pytester: pytest.Pytester) -> None:
    (code,) = blocks("ini")
    pytester.makeini(code)
    pytester.makepyfile(
        """
        def test_spec(echo_service_spec):
            assert echo_service_spec.package == "./cmd/server"
            assert echo_service_spec.env == {"PPROF": "1", "LOG_LEVEL": "WARN"}
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("code", SCRIPTS)
def test_examples_without_pytest_run(tmp_path: Path, code: str) -> None:
    shutil.copytree(GO_MODULE, tmp_path / "shop")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("clean ")


def test_table_of_settings_is_complete() -> None:
    rows = [row for row in table_rows(README) if row[1].startswith("`echoleak_")]
    assert [row[:2] for row in rows] == [[flag(one), f"`{one.ini_name}`"] for one in ALL_SETTINGS]


@pytest.mark.parametrize(
    "setting",
    [one for one in ALL_SETTINGS if DEFAULTS.get(one.name) is not None],
    ids=lambda setting: setting.name,
)
def test_table_of_settings_tells_the_defaults(setting: Setting) -> None:
    (row,) = [row for row in table_rows(README) if row[1] == f"`{setting.ini_name}`"]
    assert row[2] == str(DEFAULTS.get(setting.name))


def test_marker_keywords_are_listed() -> None:
    (sentence,) = re.findall(r"The \*\*marker\*\* takes(.*?):\n", README, re.DOTALL)
    assert set(re.findall(r"`(\w+)(?:=\w+)?`", sentence)) == set(MARKER_KEYWORDS)


def test_table_of_spec_keywords_is_complete() -> None:
    section = README.partition("All but `Running` also take:")[2].partition("\n#")[0]
    named = [row[0].strip("`") for row in table_rows(section)[1:]]
    assert named == list(ServiceSettings.__dataclass_fields__)


def test_table_of_fixtures_is_complete(pytester: pytest.Pytester) -> None:
    section = README.partition("\n## Fixtures")[2].partition("\n#")[0]
    named = {row[0].strip("`") for row in table_rows(section)[1:] if row[0].startswith("`")}
    shown = pytester.runpytest("--fixtures", "-q").stdout.str()
    ours = set(re.findall(r"^(\w+).* -- .*pytest_echoleak", shown, re.MULTILINE))
    assert named == ours


def test_example_of_the_report_has_the_fields_of_the_schema() -> None:
    (text,) = blocks("json")
    report = json.loads(text)
    assert report["schema"] == SCHEMA
    (check,) = report["checks"]
    assert check_as_json(check_from_json(check)) == check


def test_failure_text_is_the_picture_s() -> None:
    assert (ROOT / "docs" / "failure.txt").read_text() in README


def test_figures_of_a_check_with_default_settings() -> None:
    options = Options()
    first = f"{options.measured_iterations:,}"
    rate = units.one_in(NO_EVENT_FACTOR / options.measured_iterations)
    assert f"Three rounds of equal size, {first} iterations in all" in README
    assert f"nothing stayed of {first} requests, so fewer than {rate} leaks" in README
    least = math.ceil(SEVERAL_LOOKS_FACTOR / options.detect)
    assert f"takes {SEVERAL_LOOKS_FACTOR:.1f} / `detect` iterations: {least} for one in a" in README
    assert f"`detect=0.05` runs {Options(detect=0.05).measured_iterations} iterations" in README


def test_names_that_examples_import_are_public() -> None:
    imported = re.findall(r"^from pytest_echoleak import (.*)$", README, re.MULTILINE)
    names = {name.strip() for line in imported for name in line.split(",")}
    assert names <= set(pytest_echoleak.__all__)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\$ make ([\w-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_no_two_headings_share_an_anchor() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    assert len({heading.lower() for heading in headings}) == len(headings) > 10


def test_links_lead_somewhere() -> None:
    for place in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / place).exists(), place


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of all rows of all tables, without the rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|") and "|---" not in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def flag(setting: Setting) -> str:
    return f"`{f'{setting.flag_name} {setting.metavar}'.rstrip()}`" if setting.flag else ""
