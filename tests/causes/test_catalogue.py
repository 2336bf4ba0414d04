"""Each cause is told by its own evidence, recorded from real leaks or made, and by no other's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_echoleak.attribution import Trial
from pytest_echoleak.causes.catalogue import CATALOGUE
from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.causes.explaining import cause_of, explain
from pytest_echoleak.results import HeldBy, Location
from tests.causes import record
from tests.causes.made import (
    SERVE,
    allocated,
    clues,
    container,
    frame,
    held,
    waiting,
    waiting_in_own,
)
from tests.corpus import labels

RECORDED = record.load()
CASES = {case.name: case for case in labels.cases() if case.verdict != "clean"}
EXAMPLE = {
    "example/request": "context-retained",
    "example/goroutine": "goroutine-blocked-channel",
    "example/body": "unclosed-response-body",
    "example/cache/{i}": "unbounded-map",  # a cache, by the name that a holder tells
    "example/listener": "listener-not-removed",
    "example/ticker": "ticker-not-stopped",
    "example/map": "unbounded-map",
    "example/rows": "sql-rows-not-closed",
}
# What is more general than others, and may fit what something specific explains.
GENERAL = {
    "unbounded-map",
    "unbounded-slice",
    "goroutine-blocked-channel",
    "goroutine-no-exit-loop",
}
MAP = container(inner="runtime.mapassign_faststr")
SLICE = container(inner="runtime.growslice")
SQL = "database/sql.(*DB)."
REDIS = "github.com/redis/go-redis/v9/internal/"
REQUESTS = Grown(
    "heap", (frame("net/http.readRequest"), SERVE), (), (False, False), 10_000, 640_000.0
)
PGX = "github.com/jackc/pgx/v5/pgxpool.(*Pool)."


def test_every_leak_of_the_corpus_is_recorded() -> None:
    assert RECORDED.keys() == CASES.keys() | EXAMPLE.keys()


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_recorded_leaks_have_their_cause(name: str) -> None:
    found = {one.cause for one in explain(RECORDED[name])}
    if name in EXAMPLE:
        assert found == {EXAMPLE[name]}
        return
    case = CASES[name]
    right = {case.cause, *case.cause_accepted}
    if case.cause_needs_holder:
        right |= {"other", *case.cause_seen}
    assert found & right


# Their routes leak in two ways, or what a goroutine holds needs a holder to be told.
SEVERAL = ("checkout", "rotation", "stockroom", "thumbnails", "transports")


@pytest.mark.parametrize("name", [one for one in sorted(CASES) if not one.startswith(SEVERAL)])
def test_one_leak_is_one_finding(name: str) -> None:
    assert len(explain(RECORDED[name])) == 1


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_no_specific_cause_fits_what_another_one_explains(name: str) -> None:
    for one in RECORDED[name]:
        first = cause_of(one)
        fitting = {cause.name for cause in CATALOGUE if cause.fits(one)}
        assert first is None or fitting - {first.name} <= GENERAL


MADE: dict[str, tuple[str, Clues]] = {
    "a body over HTTP/2": (
        "unclosed-response-body",
        clues(waiting("runtime.selectgo", "net/http.(*http2clientStream).doRequest")),
    ),
    "rows": ("sql-rows-not-closed", clues(allocated(SQL + "queryDC", SQL + "QueryContext"))),
    "rows of pgx": ("sql-rows-not-closed", clues(allocated(PGX + "Query"))),
    "rows of a transaction": (
        "sql-rows-not-closed",
        clues(waiting("runtime.selectgo", "database/sql.(*Rows).awaitDone")),
    ),
    "a connection": ("sql-conn-not-returned", clues(allocated(SQL + "conn", SQL + "Conn"))),
    "a connection of pgx": ("sql-conn-not-returned", clues(allocated(PGX + "Acquire"))),
    "a transaction": (
        "sql-conn-not-returned",
        clues(waiting("runtime.selectgo", "database/sql.(*Tx).awaitDone")),
    ),
    "a connection of redigo": (
        "redis-conn-not-released",
        clues(allocated("github.com/gomodule/redigo/redis.(*Pool).Get")),
    ),
    "a context with a deadline": (
        "context-not-cancelled",
        clues(
            allocated("context.WithDeadlineCause", "context.WithTimeout"),
            allocated("time.newTimer", "time.AfterFunc", "context.WithTimeout"),
        ),
    ),
    "a function that waits for a context": (
        "context-not-cancelled",
        clues(
            allocated("context.AfterFunc"),
            allocated("context.(*cancelCtx).propagateCancel", "context.AfterFunc"),
        ),
    ),
    "children of a context, and more of what they keep": (
        "context-not-cancelled",
        clues(
            allocated(count=4000),
            allocated("context.(*cancelCtx).propagateCancel", "context.AfterFunc"),
            holders=(held("map", "map[context.canceler]struct {}"),),
        ),
    ),
    "a short part of a long string": (
        "substring-pin",
        replace(
            clues(allocated("io.ReadAll", size=4096)),
            holders=(held("slice", shown_share=0.1),),
        ),
    ),
    "a chain of nodes": (
        "unbounded-slice",
        replace(clues(allocated()), holders=(held("linked list"),)),
    ),
    "slices in a map, of which each grows": (
        "unbounded-slice",
        clues(container(inner="runtime.growslice"), holders=(held("map", "map[int][]int"),)),
    ),
    "a slice that gets each new value": (
        "unbounded-slice",
        clues(
            allocated(),
            around=(SLICE,),
            trials=(Trial("GET /{i}", 100, 0, same_value=True),),
        ),
    ),
    "a slice of a type in a package of subscriptions": (
        "unbounded-slice",
        clues(
            allocated(),
            around=(
                replace(
                    SLICE,
                    stack=(
                        Location("example.com/shop/subscriptions.(*Broker).Sighted", "b.go", 29),
                        *SLICE.stack,
                    ),
                    own=(True, *SLICE.own),
                ),
            ),
        ),
    ),
    "jobs of a schedule, with what they captured": (
        "listener-not-removed",
        clues(allocated(), holders=(held("slice", "[]*cron.Entry"),)),
    ),
    "a tree": ("other", clues(allocated(), holders=(held("tree", "*main.node"),))),
    "a lock in each session": (
        "unbounded-map",
        clues(
            allocated(),
            holders=(
                held(
                    "map", "map[string]*main.session", kept_types=("*main.session", "*sync.Mutex")
                ),
            ),
        ),
    ),
    "cached parts of a map that is no cache": (
        "unbounded-map",
        clues(
            allocated(),
            holders=(
                held(
                    "map",
                    "map[int]*main.call",
                    path=(
                        "main.cacheClient (package variable)",
                        "*rpc.Client",
                        "pending map[int]*main.call",
                        "cachedUser *main.user",
                    ),
                    container_name="rpc.Client.pending",
                ),
            ),
        ),
    ),
    "a map of a type that is called a cache": (
        "cache-no-bound",
        clues(
            allocated(),
            holders=(
                held(
                    "map",
                    "map[int]*main.price",
                    path=(
                        "main.prices (package variable)",
                        "*main.LRUCache",
                        "items map[int]*main.price",
                    ),
                ),
            ),
        ),
    ),
    "a chain of contexts": (
        "other",
        clues(allocated(), holders=(held("linked list", "*context.valueCtx"),)),
    ),
    "a channel as a queue": ("unbounded-slice", clues(allocated(), holders=(held("channel"),))),
    "a prepared statement": (
        "other",
        clues(allocated(SQL + "prepareDC", SQL + "prepare", SQL + "PrepareContext")),
    ),
    "a timer": ("timer-not-stopped", clues(allocated("time.newTimer", "time.NewTimer"))),
    "a ticker alone": ("ticker-not-stopped", clues(allocated("time.NewTicker"))),
    "a loop over a ticker that was stopped": (
        "goroutine-blocked-channel",
        clues(
            waiting_in_own("runtime.chanrecv"),
            allocated("time.NewTicker"),
            finding={"evidence": "unreachable"},
        ),
    ),
    "a gauge": (
        "metrics-cardinality",
        clues(
            allocated("github.com/prometheus/client_golang/prometheus.(*GaugeVec).WithLabelValues")
        ),
    ),
    "a read lock": (
        "mutex-never-unlocked",
        clues(waiting_in_own("runtime.semacquire1", below=("sync.(*RWMutex).RLock",))),
    ),
    "an empty select": ("goroutine-blocked-channel", clues(waiting_in_own("runtime.block"))),
    "a loop beside a timer": (
        "goroutine-no-exit-loop",
        clues(
            waiting_in_own("runtime.selectgo"),
            allocated(inner="runtime.blockTimerChan", count=2),
        ),
    ),
    "a sync.Map": (
        "unbounded-map",
        clues(allocated(), allocated("internal/sync.newEntryNode", "sync.(*Map).Store")),
    ),
    "a list": (
        "unbounded-slice",
        clues(
            allocated(
                "container/list.(*List).insertValue",
                "container/list.(*List).PushBack",
                inner="runtime.newobject",
            )
        ),
    ),
    "a buffer": (
        "unbounded-slice",
        clues(container("bytes.growSlice", "bytes.(*Buffer).grow", inner="runtime.growslice")),
    ),
    "a string": ("unbounded-slice", clues(container(inner="runtime.concatstring2"))),
    "a slice, of Go 1.25": (
        "unbounded-slice",
        clues(allocated(), around=(replace(SLICE, inner=(), count=1),)),
    ),
    "once per value": (
        "unbounded-map",
        clues(allocated(), trials=(Trial("GET /{i}", 100, 0, same_value=True),)),
    ),
    "a finalizer": (
        "finalizer-cycle",
        clues(allocated(), holders=(HeldBy("finalizer", ()),)),
    ),
    "requests that a middleware keeps, while a log is written to a database": (
        "context-retained",
        clues(
            REQUESTS,
            allocated("database/sql.(*Rows).Scan", "database/sql.(*DB).QueryContext", count=90),
        ),
    ),
    "a part of each request, in a collection of them": (
        "context-retained",
        clues(allocated("context.WithCancel"), holders=(held("slice", "[]*http.Request"),)),
    ),
    "locks by key": (
        "lock-map",
        clues(
            allocated(),
            holders=(held("map", "map[string]*sync.Mutex"),),
        ),
    ),
    "locks by key, in a sync.Map": (
        "lock-map",
        clues(
            allocated(),
            holders=(held("sync.Map", "sync.Map", kept_types=("string", "*sync.Mutex")),),
        ),
    ),
    "locks by key, of whose blocks some are not known": (
        "lock-map",
        clues(
            allocated(),
            holders=(held("sync.Map", "sync.Map", kept_types=("?", "*int", "*sync.Mutex")),),
        ),
    ),
    "a map that is called a cache": (
        "cache-no-bound",
        clues(
            allocated(),
            holders=(held("map", "map[int]*main.price", container_name="main.priceCache"),),
        ),
    ),
    "a chain of closures": (
        "closure-capture",
        clues(
            allocated(),
            holders=(held("linked list", "func main.add.func1"),),
        ),
    ),
    "labels of an expvar.Map": (
        "metrics-cardinality",
        clues(allocated("sync.(*Map).LoadOrStore", "expvar.(*Map).Add")),
    ),
    "a closure": (
        "closure-capture",
        clues(
            allocated(),
            holders=(held("map", "map[int]func()", kept_types=("func()",)),),
        ),
    ),
    "a map, by its holder": (
        "unbounded-map",
        clues(allocated(), holders=(held("sync.Map"),)),
    ),
    "a slice, by its holder": (
        "unbounded-slice",
        clues(allocated(), around=(MAP,), holders=(held("slice"),)),
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_made_evidence_has_its_cause_and_no_other_specific_one(name: str) -> None:
    cause, one = MADE[name]
    fitting = [entry.name for entry in CATALOGUE if entry.fits(one)]
    assert fitting[0] == cause
    assert set(fitting) - {cause} <= GENERAL


def test_a_ticker_that_dead_goroutines_wait_for_was_stopped() -> None:
    dead = replace(clues(waiting_in_own("runtime.chanrecv")).finding, evidence="unreachable")
    ticker = clues(allocated("time.NewTicker", count=3_000))
    found = cause_of(ticker)
    assert found is not None
    assert found.name == "ticker-not-stopped"
    assert cause_of(replace(ticker, siblings=(dead,))) is None


def test_a_transaction_that_stays_open_is_the_matter_whatever_was_read_in_it() -> None:
    rows = allocated(SQL + "queryDC", "database/sql.(*Tx).QueryContext")
    one = cause_of(clues(waiting("runtime.chanrecv", "database/sql.(*Tx).awaitDone"), rows))
    assert one is not None
    assert one.name == "sql-conn-not-returned"


@pytest.mark.parametrize(
    "unknown",
    [
        clues(allocated()),
        clues(allocated(), around=(MAP, SLICE)),  # either may keep it
        clues(allocated(), around=(replace(SLICE, inner=(), count=1),), shows_runtime=False),
        clues(allocated(), around=(replace(SLICE, inner=()),)),  # several blocks: is it one slice?
        clues(allocated(inner="runtime.makechan")),  # nobody is seen to keep the channel
        clues(allocated("context.WithCancel", "net/http.(*Transport).roundTrip")),
        clues(allocated("context.withCancel", "context.WithCancel")),  # cancelled, and kept
        clues(  # the channel of a parent that is kept, for which its child asked
            allocated("context.WithCancel"),
            allocated(
                "context.(*cancelCtx).Done",
                "context.(*cancelCtx).propagateCancel",
                "context.WithCancel",
            ),
        ),
        clues(allocated(REDIS + "proto.(*Reader).readString", REDIS + "pool.(*Conn).WithReader")),
        clues(allocated("database/sql.convertAssign", "database/sql.(*Rows).Scan")),
        clues(allocated("time.newTimer", "time.AfterFunc", "example.org/lib.(*Pool).Get")),
        clues(waiting("runtime.netpollblock", "internal/poll.runtime_pollWait", "net.Read")),
        clues(waiting("", "main.spin")),
        clues(allocated(), trials=(Trial("GET /{i}", 100, 60, same_value=True),)),
    ],
)
def test_what_no_entry_is_sure_of_stays_unknown(unknown: Clues) -> None:
    assert cause_of(unknown) is None


def test_every_entry_is_told_by_some_evidence() -> None:
    known = [one for several in RECORDED.values() for one in several]
    known += [one for _, one in MADE.values()]
    told = {id(cause_of(one)) for one in known}
    assert [cause.text for cause in CATALOGUE if id(cause) not in told] == []


def test_entries_are_told_in_sentences_and_by_the_contracts_identifiers() -> None:
    for cause in CATALOGUE:
        assert cause.name in labels.CAUSES
        assert cause.text
        assert cause.fix
        assert not cause.text.endswith(".")
        assert cause.see.startswith("go doc ")
        assert "http://" not in cause.see + cause.fix + cause.text
    assert {cause.name for cause in CATALOGUE} == set(labels.CAUSES)


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("handles/leak", HeldBy("finalizer", ())),
        ("hooks/leak", held("map", "map[int64]func()", kept_types=("func()",))),
        ("keylock/leak", held("map", "map[int64]*sync.Mutex")),
    ],
)
def test_holders_tell_what_stacks_cannot(name: str, holder: HeldBy) -> None:
    known = [replace(one, holders=(holder,)) for one in RECORDED[name]]
    assert {one.cause for one in explain(known)} == {CASES[name].cause}
