"""Services built with the agent: any main package, and no trace of it where it is not wanted."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_echoleak import (
    EchoService,
    GoSource,
    SnapshotError,
    WorkloadError,
    assert_no_leak,
    start,
)
from pytest_echoleak.agent.client import AgentClient, AgentError
from pytest_echoleak.agent.endpoint import AgentEndpoint, new_token
from pytest_echoleak.errors import BuildError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.binaryinfo import read_binary
from tests.goapps import write_module
from tests.integration.apps import QUICK, caught, faulty, leaks

# No pprof is imported, and every name that is free for a program to redefine is redefined.
BARE = """package main

import (
	"net/http"
	"os"
)

var net, debug, runtime, pprof, io, time = 1, 2, 3, 4, 5, 6

func close(int) int { return 0 }
func delete() int   { return 0 }
func copy() int     { return 0 }
func min() int      { return 0 }
func max() int      { return 0 }
func new() int      { return 0 }
func panic() int    { return 0 }
func recover() int  { return 0 }

var kept [][]byte

func init() {
	http.HandleFunc("/debug/pprof/", http.NotFound)
	http.HandleFunc("/healthy", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/leaky", func(w http.ResponseWriter, r *http.Request) {
		kept = append(kept, make([]byte, 64))
	})
	http.HandleFunc("/blocked", func(w http.ResponseWriter, r *http.Request) {
		go func() { <-make(chan int) }()
	})
}

func main() {
	if err := http.ListenAndServe(os.Getenv("ADDR"), nil); err != nil {
		os.Exit(1)
	}
}
"""


def bare(folder: Path, files: Mapping[str, str] | None = None, go: str = "1.21") -> Path:
    return write_module(folder, files or {"main.go": BARE}, go=go)


def endpoint(service: EchoService) -> AgentEndpoint:
    agent = service.instance.endpoints().agent
    assert agent is not None
    return agent


def assert_leak_is_seen(service: EchoService, place: str = "main.go") -> None:
    report = caught(service, "GET /leaky")
    (finding,) = report.findings
    assert (finding.location.file, finding.location.function) == (place, "main.init.0.func2")
    assert finding.objects_per_iteration == pytest.approx(1, abs=0.01)
    assert finding.evidence == "exact"
    assert assert_no_leak(service, "GET /healthy", **QUICK).verdict == "clean"


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_a_service_without_any_pprof_is_tested_as_it_is(
    tmp_path: Path, runtime: str, request: pytest.FixtureRequest
) -> None:
    if runtime == "docker":
        request.getfixturevalue("docker_engine")
    with start(GoSource(bare(tmp_path)), runtime=runtime) as service:  # type: ignore[arg-type]
        assert_leak_is_seen(service)


@pytest.mark.parametrize("language", ["1.12", "1.17", "1.21", "1.26"])
def test_whatever_language_the_module_says(tmp_path: Path, language: str) -> None:
    with start(GoSource(bare(tmp_path, go=language)), runtime="process") as service:
        assert_leak_is_seen(service)


def test_a_main_package_in_a_workspace_with_tags_and_a_vendored_module(tmp_path: Path) -> None:
    shop = write_module(
        tmp_path / "shop",
        {
            "cmd/api/main.go": "//go:build special\n\n" + BARE,
            "cmd/api/use.go": 'package main\n\nimport _ "example.com/library"\n',
            "library/go.mod": "module example.com/library\n\ngo 1.21\n",
            "library/library.go": "package library\n",
            "go.work": "go 1.21\n\nuse (\n\t.\n\t./library\n)\n",
        },
        path="example.com/shop",
    )
    spec = GoSource(shop, package="./cmd/api", tags=("special",))
    with start(spec, runtime="process") as service:
        assert_leak_is_seen(service, "cmd/api/main.go")
    by_path = GoSource(shop, package="example.com/shop/cmd/api", tags=("special",))
    assert gobuild.build(by_path).agent
    assert not list(shop.rglob("*echoleak*")), "the source tree is not touched"


def test_a_vendored_module(tmp_path: Path) -> None:
    shop = write_module(
        tmp_path,
        {
            "main.go": BARE,
            "use.go": 'package main\n\nimport _ "example.com/library"\n',
            "vendor/modules.txt": "# example.com/library v1.0.0\n"
            "## explicit\nexample.com/library\n",
            "vendor/example.com/library/library.go": "package library\n",
        },
    )
    with (shop / "go.mod").open("a") as file:
        file.write("\nrequire example.com/library v1.0.0\n")
    with start(GoSource(shop), runtime="process") as service:
        assert_leak_is_seen(service)


def test_goroutines_that_nothing_can_wake_end_the_check_by_proof(tmp_path: Path) -> None:
    with start(GoSource(bare(tmp_path)), runtime="process") as service:
        report = caught(service, "GET /blocked", iterations=None, plateau=None, detect=None)
    (finding,) = report.findings
    assert finding.evidence == "unreachable"
    assert finding.goroutines_per_iteration == 1
    assert len(report.round_iterations) == 1


class TestWhoMayAsk:
    def test_nobody_without_the_token(self, tmp_path: Path) -> None:
        with start(GoSource(bare(tmp_path)), runtime="process") as service:
            agent = endpoint(service)
            for token in (new_token(), "", agent.token[:-1] + "x"):
                wrong = AgentEndpoint(agent.host, agent.port, token)
                with pytest.raises(AgentError), AgentClient(wrong) as client:
                    client.hello()
            with socket.create_connection((agent.host, agent.port), 10) as http:
                http.sendall(b"GET /debug/pprof/heap HTTP/1.1\r\nHost: x\r\n\r\n".ljust(65))
                assert http.recv(1000) == b""
            with AgentClient(agent) as client:
                assert client.hello().startswith("go1.")

    def test_it_is_on_loopback_alone(self, tmp_path: Path) -> None:
        with start(GoSource(bare(tmp_path)), runtime="process") as service:
            assert endpoint(service).host == "127.0.0.1"

    def test_the_service_does_not_see_how_it_is_asked(self, tmp_path: Path) -> None:
        body = 'for _, one := range os.Environ() {\n\t\t\tw.Write([]byte(one + "\\n"))\n\t\t}'
        files = {"main.go": BARE.replace("kept = append(kept, make([]byte, 64))", body)}
        with start(GoSource(bare(tmp_path, files)), runtime="process") as service:
            assert "ADDR=" in service.session().get("/leaky").text
            assert "ECHOLEAK_AGENT" not in service.session().get("/leaky").text

    def test_a_build_without_it_has_no_trace_of_it(self, tmp_path: Path) -> None:
        bare(tmp_path)
        without = gobuild.build(GoSource(tmp_path, agent=False))
        assert not without.agent
        assert b"echoleak" not in without.path.read_bytes()
        assert b"echoleakAgent" in gobuild.build(GoSource(tmp_path)).path.read_bytes()

    def test_it_does_nothing_unless_it_is_told_to(self, tmp_path: Path) -> None:
        built = gobuild.build(GoSource(bare(tmp_path)))
        environment = {"ADDR": "256.0.0.1:1", "ECHOLEAK_AGENT_ADDR": "127.0.0.1:1"}
        done = subprocess.run([built.path], env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


class TestWhereItCannotBe:
    def test_flags_with_an_overlay_of_the_users_build_without_it_and_say_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        overlay = tmp_path / "overlay.json"
        overlay.write_text('{"Replace": {}}')
        monkeypatch.setenv("GOFLAGS", f"-overlay={overlay}")
        with start(leaks(), runtime="process") as service:
            assert service.instance.endpoints().agent is None
            assert "without the agent: GOFLAGS has an -overlay" in service.why
            assert caught(service, "GET /object").findings

    def test_a_program_that_does_not_compile_says_what_the_compiler_says(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(BuildError, match=r"undefined: nothing") as error:
            gobuild.build(GoSource(bare(tmp_path, {"main.go": "package main\nvar x = nothing\n"})))
        assert "echoleak" not in str(error.value).partition("\n")[2]

    def test_a_service_that_ends_says_so(self) -> None:
        with start(faulty(agent=True), runtime="process") as service:
            os.kill(service.instance.pid, 9)  # type: ignore[attr-defined]
            with pytest.raises(Exception, match=r"signal 9 \(SIGKILL\)"):
                service.snapshot()

    def test_an_agent_that_is_cut_off_is_an_error_that_names_the_way_out(
        self, tmp_path: Path
    ) -> None:
        with start(GoSource(bare(tmp_path)), runtime="process") as service:
            service.instance._agent_port.number = 1  # type: ignore[attr-defined]
            with pytest.raises(SnapshotError, match=r"agent cannot be read.*agent=False"):
                service.snapshot()


def test_a_restart_is_recorded_from_its_readiness_on(tmp_path: Path) -> None:
    with start(GoSource(bare(tmp_path)), runtime="process") as service:
        before = service.snapshot()
        service.restart()
        after = service.snapshot()
        assert before.exact
        assert after.exact
        assert before.identity != after.identity
        assert_leak_is_seen(service)


def test_the_users_own_profile_rate_is_left_alone(tmp_path: Path) -> None:
    spec = GoSource(bare(tmp_path), env={"GODEBUG": "memprofilerate=4096"})
    with start(spec, runtime="process") as service:
        assert not service.snapshot().exact


def test_a_child_process_that_answers_is_not_called_clean(tmp_path: Path) -> None:
    """The agent is in the parent, which holds nothing whatever its child keeps."""
    main = """func main() {
	if os.Getenv("CHILD") == "" {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "CHILD=1")
		child.Run()
	}
	if err"""
    source = BARE.replace("func main() {\n\tif err", main).replace('"os"\n', '"os"\n\t"os/exec"\n')
    with (
        start(GoSource(bare(tmp_path, {"main.go": source})), runtime="process") as service,
        pytest.raises(WorkloadError, match="does a child process of it answer"),
    ):
        assert_no_leak(service, "GET /leaky", **QUICK)


def test_a_main_package_behind_a_link(tmp_path: Path) -> None:
    bare(tmp_path, {"real/api/main.go": BARE})
    (tmp_path / "cmd").symlink_to(tmp_path / "real")
    assert gobuild.build(GoSource(tmp_path, package="./cmd/api")).agent


@pytest.mark.parametrize("flags", ["-ldflags=-s", "'-ldflags=-s -w' -trimpath", "-ldflags=-w"])
def test_symbols_and_types_are_kept_whatever_the_users_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str
) -> None:
    monkeypatch.setenv("GOFLAGS", flags)
    kept = read_binary(gobuild.build(GoSource(bare(tmp_path))).path)
    assert (kept.has_symbols, kept.has_types) == (True, True)
    stripped = read_binary(gobuild.build(GoSource(tmp_path, agent=False)).path)
    assert not stripped.has_types


def test_a_file_in_place_of_a_package_is_built_without_it(tmp_path: Path) -> None:
    built = gobuild.build(GoSource(bare(tmp_path), package="main.go"))
    assert not built.agent
    assert "name the package's folder" in built.note


def test_what_the_compiler_refuses_is_said(tmp_path: Path) -> None:
    names = BARE + "\nfunc append() {}\n"
    source = names.replace("kept = append(kept, make([]byte, 64))", "append()")
    built = gobuild.build(GoSource(bare(tmp_path, {"main.go": source})))
    assert not built.agent
    assert built.note.startswith("built without the agent: agent.go:")


def test_idle_strangers_do_not_keep_a_snapshot_waiting(tmp_path: Path) -> None:
    with start(GoSource(bare(tmp_path)), runtime="process") as service, ExitStack() as stack:
        agent = endpoint(service)
        for _ in range(40):
            stack.enter_context(socket.create_connection((agent.host, agent.port), 10))
        with AgentClient(agent) as client:
            assert client.hello()
