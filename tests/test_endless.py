"""Functions that never return, in programs that Go builds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_echoleak.endless import endless_functions
from pytest_echoleak.errors import BuildError

SOURCE = """
package main

import (
	"runtime"
	"time"
)

type feed struct{ polls int }

func (f *feed) poll() {
	for {
		time.Sleep(time.Hour)
		f.polls++
	}
}

func (f *feed) once() { time.Sleep(time.Hour); f.polls++ }

func (f *feed) retry() {
	for range 5 {
		f.once()
	}
}

func (f *feed) pollAndRecover() {
	defer func() { _ = recover() }()
	for {
		f.once()
	}
}

func (f *feed) pollOrPanic() {
	for {
		time.Sleep(time.Hour)
		if f.polls++; f.polls > 5 {
			panic("enough")
		}
	}
}

func (f *feed) pollOrEnd() {
	for {
		time.Sleep(time.Hour)
		if f.polls++; f.polls > 5 {
			runtime.Goexit()
		}
	}
}

func each[T any](what chan T, last *T) {
	for {
		time.Sleep(time.Hour)
		*last = <-what
	}
}

func main() {
	f := &feed{}
	go f.poll()
	go f.retry()
	go f.pollAndRecover()
	go f.pollOrPanic()
	go f.pollOrEnd()
	go each(make(chan int), new(int))
	go each(make(chan string), new(string))
	go func() {
		for {
			f.once()
		}
	}()
	time.Sleep(time.Second)
}
"""
ASKED = [
    "main.(*feed).poll",
    "main.(*feed).once",
    "main.(*feed).retry",
    "main.(*feed).pollAndRecover",
    "main.(*feed).pollOrPanic",
    "main.(*feed).pollOrEnd",
    "main.each[...]",
    "main.main.func1",
    "main.main",
    "main.nowhere",
]


def build(folder: Path, **settings: str) -> Path:
    (folder / "main.go").write_text(SOURCE)
    (folder / "go.mod").write_text("module example.com/feed\n\ngo 1.22\n")
    program = folder / "feed"
    flags = ["-ldflags", settings.pop("ldflags", "")]
    subprocess.run(
        ["go", "build", *flags, "-o", str(program), "."],
        cwd=folder,
        env={**os.environ, **settings},
        check=True,
    )
    return program


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_loops_without_a_way_out_are_told(tmp_path: Path, architecture: str) -> None:
    program = build(tmp_path, GOARCH=architecture)
    assert endless_functions(program, ASKED) == {
        "main.(*feed).poll",
        "main.each[...]",
        "main.main.func1",
    }


def test_nothing_is_proved_of_a_program_without_symbols(tmp_path: Path) -> None:
    assert endless_functions(build(tmp_path, ldflags="-s -w"), ASKED) == frozenset()
    (tmp_path / "text").write_text("no program")
    assert endless_functions(tmp_path / "text", ASKED) == frozenset()
    assert endless_functions(tmp_path / "nowhere", []) == frozenset()


def test_where_there_is_no_go_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="go"):
        endless_functions(tmp_path / "program", ASKED)
