from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from pytest_echoleak.services.owner import (
    Owner,
    current_owner,
    owner_state,
    parse_owner,
    process_started,
)


def test_a_label_names_its_owner_again() -> None:
    owner = current_owner()
    assert parse_owner(owner.label()) == owner
    assert owner.pid == os.getpid()


def test_a_label_is_fit_for_a_file_name() -> None:
    assert "/" not in current_owner().label()
    assert current_owner().label().isascii()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1_boot_ns_12",
        "1_boot_ns_12_34_56",
        "2_boot_ns_12_34",
        "1_boot_ns_-1_34",
        "1_boot_ns_0_34",
        "1_boot_ns_4294967295_34",
        "1_boot_ns_99999999999999999999_34",
        "1_boot_ns_١٢_34",
        "1_boot_ns_12_34\n",
        "1_boot_../../etc_12_34",
        "1_bo ot_ns_12_34",
        "1__ns_12_34",
        "1_boot_ns_12_" + "3" * 100_000,
        "\x1b[31m1_boot_ns_12_34",
    ],
)
def test_hostile_labels_name_no_one(text: str) -> None:
    assert parse_owner(text) is None


def test_this_process_is_alive() -> None:
    assert owner_state(current_owner()) == "alive"


def test_another_running_process_is_alive_and_dead_once_it_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_started(child.pid)
    assert started is not None
    owner = replace(current_owner(), pid=child.pid, started=started)
    assert owner_state(owner) == "alive"
    child.communicate()
    assert owner_state(owner) == "dead"


def test_a_zombie_is_dead() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert process_started(pid) is None
        assert owner_state(replace(current_owner(), pid=pid)) == "dead"
    finally:
        os.waitpid(pid, 0)


def test_a_pid_that_is_used_again_is_another_owner() -> None:
    assert owner_state(replace(current_owner(), started="1")) == "dead"


@pytest.mark.parametrize("elsewhere", [{"boot": "another"}, {"namespace": "1"}])
def test_owners_of_another_boot_or_container_cannot_be_told(elsewhere: dict[str, str]) -> None:
    assert owner_state(replace(current_owner(), **elsewhere)) == "foreign"  # type: ignore[arg-type]


def test_a_process_whose_name_looks_like_its_state_is_read_right(tmp_path: object) -> None:
    program = os.path.join(str(tmp_path), "a) Z 1 (b")
    os.symlink(sys.executable, program)
    child = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = process_started(child.pid)
        assert started is not None
        assert started.isdecimal()
    finally:
        child.communicate()


def test_an_owner_is_a_value() -> None:
    assert Owner("b", "n", 1, "2") == Owner("b", "n", 1, "2")
