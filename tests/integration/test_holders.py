"""Who holds a leak, on real services: named in the report, whatever was checked before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_echoleak import EchoService, GoSource, InconclusiveError, assert_no_leak, start
from pytest_echoleak.results import Finding, HeldBy, LeakReport
from tests.goapps import write_module
from tests.integration.apps import caught

MAIN = """package main

import (
	"container/list"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
)

type session struct {
	user  string
	state [64]byte
}

type server struct {
	mu      sync.Mutex
	history []*session
	queue   chan []byte
}

var (
	mu       sync.Mutex
	sessions = map[int]*session{}
	audited  []*http.Request
	journal  []*http.Request
	recent   = list.New()
)

func note(one *session) { recent.PushBack(one) }

func open() {
	mu.Lock()
	defer mu.Unlock()
	sessions[len(sessions)] = &session{user: "a"}
}

func (s *server) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = append(s.history, &session{})
}

func wait(never chan int, buffer []byte) {
	<-never
	println(buffer[0])
}

func main() {
	s := &server{}
	http.HandleFunc("/map", func(http.ResponseWriter, *http.Request) { open() })
	http.HandleFunc("/field", func(http.ResponseWriter, *http.Request) { s.remember() })
	http.HandleFunc("/goroutine", func(http.ResponseWriter, *http.Request) {
		go wait(make(chan int), make([]byte, 4096))
	})
	http.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		audited = append(audited, r)
	})
	http.HandleFunc("/other-request", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		journal = append(journal, r)
	})
	http.HandleFunc("/list", func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		note(&session{})
	})
	http.HandleFunc("/sometimes", func(http.ResponseWriter, *http.Request) {
		if rand.IntN(3) == 0 {
			open()
		}
	})
	http.HandleFunc("/healthy", func(http.ResponseWriter, *http.Request) {})
	panic(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
"""
QUICK = {"plateau": 1_000, "detect": 0.05}


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoService]:
    folder = write_module(tmp_path_factory.mktemp("holding"), {"main.go": MAIN})
    with start(GoSource(folder), runtime="process") as service:
        yield service


def only(report: LeakReport) -> tuple[Finding, HeldBy]:
    (finding,) = report.findings
    assert not report.no_holders
    return finding, finding.holders[0]


class TestHolders:
    def test_a_package_variable_and_its_map(self, holding: EchoService) -> None:
        finding, holder = only(caught(holding, "GET /map", **QUICK))
        assert finding.location.function == "main.open"
        assert finding.held_by[0] == "main.sessions (package variable)"
        assert holder.container == "map"
        assert "*main.session" in finding.held_by[-1]
        assert finding.cause == "unbounded-map"
        assert holder.share > 0.9
        assert finding.retained_bytes is not None
        assert finding.retained_bytes >= 1_000 * 80

    def test_what_a_check_could_not_decide_has_a_holder_and_no_cause(
        self, holding: EchoService
    ) -> None:
        with pytest.raises(InconclusiveError) as error:
            assert_no_leak(holding, "GET /sometimes", iterations=90, plateau=0, detect=0.2)
        assert error.value.report is not None
        finding, _ = only(error.value.report)
        assert finding.held_by[0] == "main.sessions (package variable)"
        assert finding.cause == "other"
        assert "held by   main.sessions" in str(error.value)

    def test_a_field_of_what_main_made(self, holding: EchoService) -> None:
        finding, holder = only(caught(holding, "GET /field", **QUICK))
        assert finding.location.function == "main.(*server).remember"
        assert "history" in " -> ".join(finding.held_by)
        assert holder.container == "slice"
        assert finding.cause == "unbounded-slice"

    def test_the_line_that_adds_is_the_users_own_though_the_library_is_inlined_there(
        self, holding: EchoService
    ) -> None:
        """A dump names one frame for all: PushBack's line with the handler's name."""
        _, holder = only(caught(holding, "GET /list", **QUICK))
        assert holder.container == "list"
        place = holder.container_location
        assert place is not None
        assert place.file == "main.go"
        assert place.function == "main.note"
        assert "recent.PushBack(one)" in MAIN.splitlines()[place.line - 1]

    def test_a_request_that_no_line_of_the_service_allocates(self, holding: EchoService) -> None:
        finding, _ = only(caught(holding, "GET /request", **QUICK))
        assert finding.held_by[0] == "main.audited (package variable)"
        line = MAIN.splitlines()[finding.location.line - 1]
        assert line.strip() == "audited = append(audited, r)"
        assert finding.cause == "context-retained"

    def test_what_an_earlier_check_left_at_the_same_line_has_no_part_in_it(
        self, holding: EchoService
    ) -> None:
        caught(holding, "GET /request", **QUICK)
        finding, _ = only(caught(holding, "GET /other-request", **QUICK))
        roots = [holder.path[0] for holder in finding.holders]
        assert roots == ["main.journal (package variable)"]
        assert finding.holders[0].share > 0.99

    def test_what_a_dead_goroutine_holds_is_its_own_and_the_next_leak_is_named_too(
        self, holding: EchoService
    ) -> None:
        """A process with a proven goroutine cannot be dumped: the next leak gets a new one."""
        (finding,) = caught(holding, "GET /goroutine", **QUICK).findings
        assert (finding.kind, finding.evidence) == ("goroutine", "unreachable")
        assert finding.bytes_per_iteration > 4_000
        assert finding.cause == "goroutine-blocked-channel"
        before = holding.instance.identity()
        finding, _ = only(caught(holding, "GET /map", **QUICK))
        assert finding.held_by[0] == "main.sessions (package variable)"
        assert holding.instance.identity() != before

    def test_nothing_of_a_dump_is_left(self, holding: EchoService, tmp_path: Path) -> None:
        dump = holding.heap_dump(tmp_path / "a.heapdump")
        folder = dump.path.parent
        caught(holding, "GET /field", **QUICK)
        assert list(folder.iterdir()) == [dump.path]
        private = holding._dumps._private_folder()
        assert not list(private.glob("*.heapdump"))


def test_without_an_agent_there_are_no_holders(tmp_path: Path) -> None:
    main = MAIN.replace('"net/http"', '"net/http"\n\t_ "net/http/pprof"')
    folder = write_module(tmp_path, {"main.go": main})
    with start(GoSource(folder, agent=False), runtime="process") as service:
        report = caught(service, "GET /map", **QUICK)
    assert report.findings[0].holders == ()
    assert report.no_holders == ""
