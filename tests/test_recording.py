"""What a run was told and measured: merged from flags and ini, and from many workers."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_echoleak.recording import AllowUse, Recorded, RunSettings


def settings(flags: dict[str, object], ini: dict[str, object]) -> RunSettings:
    return RunSettings(flags, ini, Path("/project"), Path("/project/sub"))


def test_a_flag_wins_over_its_ini_twin() -> None:
    made = settings({"url": "http://a"}, {"url": "http://b", "port": 9000})
    assert made.merged() == {"url": "http://a", "port": 9000}


def test_only_settings_of_checks_are_layers_of_options() -> None:
    made = settings({"rounds": 4, "report": "out"}, {"rounds": 5, "go_source": "shop"})
    assert made.check_layers() == ({"rounds": 4}, {"rounds": 5})


def test_the_report_folder_is_relative_to_where_it_was_said() -> None:
    assert settings({"report": "out"}, {}).report_folder() == Path("/project/sub/out")
    assert settings({}, {"report": "out"}).report_folder() == Path("/project/out")
    assert settings({"report": "/tmp/a"}, {"report": "out"}).report_folder() == Path("/tmp/a")
    assert settings({}, {}).report_folder() is None


def test_what_workers_recorded_arrives_as_it_was() -> None:
    first = Recorded([{"verdict": "clean"}], {"A": "docker"}, [AllowUse("f", "why", True, False)])
    second = Recorded([{"verdict": "leak"}], {"B": "process"}, [AllowUse("f", "why", True, True)])
    whole = Recorded()
    assert not whole
    for worker in (first, second):
        whole.add_plain(json.loads(json.dumps(worker.to_plain())))
    assert whole.checks == [{"verdict": "clean"}, {"verdict": "leak"}]
    assert whole.services == {"A": "docker", "B": "process"}
    assert whole.unused_allows() == []


def test_an_allow_is_unused_if_no_check_used_it() -> None:
    never, always = AllowUse("g", "why", False, False), AllowUse("f", "why", False, True)
    assert Recorded(allows=[never, always, never]).unused_allows() == [never]
