"""Evidence made by hand, and the cause that it shows: (cause, clues) by what it is."""

from __future__ import annotations

from dataclasses import replace

from pytest_echoleak.attribution import Trial
from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.results import HeldBy, Location
from tests.causes.made import (
    HANDLER,
    SERVE,
    allocated,
    clues,
    container,
    frame,
    held,
    waiting,
    waiting_in_own,
)

MAP = container(inner="runtime.mapassign_faststr")
SLICE = container(inner="runtime.growslice")
SQL = "database/sql.(*DB)."
REDIS = "github.com/redis/go-redis/v9/internal/"
REQUESTS = Grown(
    "heap", (frame("net/http.readRequest"), SERVE), (), (False, False), 10_000, 640_000.0
)
PGX = "github.com/jackc/pgx/v5/pgxpool.(*Pool)."


def _in_slice(element: str, *behind: str, kept: str) -> HeldBy:
    """Return a package variable's slice as a holder, with the steps from it to what it keeps."""
    path = ("main.all (package variable)", f"[]{element}", *behind)
    return held("slice", f"[]{element}", path=path, kept_types=(kept,))


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
    "a context that is not cancelled, which a query had made a child of": (
        "context-not-cancelled",
        clues(
            allocated("context.withCancel", "context.WithCancel", count=3_000),
            allocated("context.(*cancelCtx).propagateCancel", SQL + "QueryContext"),
            holders=(held("map", "map[context.canceler]struct {}"),),
        ),
    ),
    "a handle of a database": (
        "other",
        clues(
            allocated(SQL + "conn", SQL + "QueryContext", "gorm.io/gorm.Open"),
            waiting("runtime.selectgo", SQL + "connectionOpener"),
        ),
    ),
    "a statement that a library prepares": (
        "other",
        clues(
            allocated(
                SQL + "prepareDC", SQL + "PrepareContext", "github.com/jmoiron/sqlx.Preparex"
            ),
            holders=(held("map", "map[sql.finalCloser]sql.depSet"),),
        ),
    ),
    "a function for a library's events": (
        "listener-not-removed",
        clues(
            allocated("github.com/jellydator/ttlcache/v3.(*Cache[...]).OnEviction"),
            holders=(held("map", "map[uint64]*ttlcache.handler"),),
        ),
    ),
    "a histogram of OpenTelemetry": (
        "metrics-cardinality",
        clues(
            allocated(
                "go.opentelemetry.io/otel/sdk/metric/internal/aggregate.Builder[...].filter.func10",
                "go.opentelemetry.io/otel/sdk/metric.(*float64Inst).Record",
            ),
            holders=(held("slice", "[]aggregate.Measure[float64]"),),
        ),
    ),
    "a counter whose name holds its labels": (
        "metrics-cardinality",
        clues(allocated("github.com/VictoriaMetrics/metrics.GetOrCreateCounter")),
    ),
    "a histogram for each client": (
        "metrics-cardinality",
        clues(allocated(), holders=(held("map", "map[main.labels]*main.histogram"),)),
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
        "other",
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
        "context-retained",
        clues(allocated(), holders=(held("linked list", "*context.valueCtx"),)),
    ),
    "connections that the service's own client keeps open": (
        "other",
        clues(allocated(), holders=(held("map", "map[*http.conn]struct {}"),)),
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
            around=(
                Grown("heap", (HANDLER,), ("runtime.blockTimerChan",), (True,), 2.0, 128.0),
                allocated(),
            ),
        ),
    ),
    "a sync.Map": (
        "unbounded-map",
        clues(allocated(), allocated("internal/sync.newEntryNode", "sync.(*Map).Store")),
    ),
    "a list": (
        "other",
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
    "an iterator that is never stopped": (
        "other",
        clues(waiting_in_own("runtime.coroswitch", below=("iter.Pull[...].func1.1",))),
    ),
    "a cleanup whose argument has the object": (
        "finalizer-cycle",
        clues(
            allocated(),
            around=(allocated(inner="runtime.AddCleanup[...]"),),
            holders=(HeldBy("nothing", ("nothing that the dump shows",)),),
        ),
    ),
    "a meter that a library keeps for itself": (
        "global-registry",
        clues(
            allocated("github.com/rcrowley/go-metrics.NewMeter"),
            holders=(
                held(
                    "map",
                    "map[*go-metrics.StandardMeter]struct {}",
                    path=(
                        "go-metrics.arbiter (package variable)",
                        "meters map[*go-metrics.StandardMeter]struct {}",
                        "*go-metrics.StandardMeter",
                    ),
                ),
            ),
        ),
    ),
    "a subscription of a library": (
        "listener-not-removed",
        clues(
            waiting("runtime.goparkunlock", "sync.(*Cond).Wait"),
            allocated(
                "github.com/nats-io/nats%2ego.(*Conn).subscribeLocked",
                "github.com/nats-io/nats%2ego.(*Conn).Subscribe",
            ),
        ),
    ),
    "a library's map that is made of slices": (
        "unbounded-map",
        clues(
            allocated("github.com/puzpuzpuz/xsync/v4.(*Map[...]).doCompute"),
            holders=(
                held(
                    "slice",
                    "[]xsync.bucketPadded",
                    container_name="xsync.mapTable[string,*main.user].buckets",
                ),
            ),
        ),
    ),
    "functions of a named type in a slice": (
        "closure-capture",
        clues(
            allocated(),
            holders=(
                _in_slice(
                    "main.undo",
                    "func main.reserve.func1",
                    "r *main.reservation",
                    kept="*main.reservation",
                ),
            ),
        ),
    ),
    "functions that hooks have": (
        "closure-capture",
        clues(
            allocated(),
            holders=(
                _in_slice(
                    "*main.hook",
                    "*main.hook",
                    "run func main.add.func1",
                    kept="func main.add.func1",
                ),
            ),
        ),
    ),
    "headers in a map that the default mux leads to": (
        "unbounded-map",
        clues(
            allocated("net/http.Header.Clone"),
            holders=(
                held(
                    "map",
                    "map[string]http.Header",
                    path=(
                        "http.defaultServeMux (package variable)",
                        "value *http.routingNode",
                        "handler func main.main.func1",
                        "s *main.store",
                        "byUser map[string]http.Header",
                        "http.Header",
                    ),
                ),
            ),
        ),
    ),
    "rows of a type of the user's that has Map in its name": (
        "unbounded-slice",
        clues(
            allocated(),
            holders=(
                held("slice", "[]*main.row", container_name="main.Mapper[string,*main.row].rows"),
            ),
        ),
    ),
    "functions in a field of a struct in a slice": (
        "closure-capture",
        clues(
            allocated(),
            holders=(
                _in_slice(
                    "*hooks.Hook",
                    "*hooks.Hook",
                    "opts.run func main.add.func1",
                    kept="func main.add.func1",
                ),
            ),
        ),
    ),
    "a caller of next whose iterator is blocked": (
        "goroutine-blocked-channel",
        clues(
            waiting_in_own("runtime.chanrecv"),
            waiting_in_own("runtime.coroswitch", below=("iter.Pull[...].func2",)),
            waiting_in_own("runtime.chanrecv"),
        ),
    ),
    "a library's breakers that were given a function": (
        "unbounded-map",
        clues(
            allocated("github.com/sony/gobreaker.NewCircuitBreaker"),
            holders=(
                held(
                    "map",
                    "map[string]*gobreaker.CircuitBreaker",
                    path=(
                        "main.breakers (package variable)",
                        "map[string]*gobreaker.CircuitBreaker",
                        "*gobreaker.CircuitBreaker",
                        "readyToTrip func main.newBreaker.func1",
                    ),
                    kept_types=("func main.newBreaker.func1",),
                ),
            ),
        ),
    ),
    "a loop over a ticker, beside an end that never comes": (
        "goroutine-no-exit-loop",
        clues(waiting_in_own("runtime.selectgo"), allocated("time.NewTicker")),
    ),
    "timers, and more of what their functions have": (
        "timer-not-stopped",
        clues(
            allocated(count=9_000),
            allocated("time.newTimer", "time.AfterFunc"),
            holders=(HeldBy("timer", ("a timer", "func main.retry.func1", "e *main.event")),),
        ),
    ),
}
