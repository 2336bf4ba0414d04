"""Causes that name a resource which nobody gave back: connections, rows, timers, contexts."""

from __future__ import annotations

import re
from dataclasses import replace

from pytest_echoleak.causes.cause import OTHER, Cause
from pytest_echoleak.causes.clues import Clues, called
from pytest_echoleak.causes.containers import containers
from pytest_echoleak.causes.evidence import (
    below,
    in_step,
    is_request_part,
    keeps_step,
    notably,
    runs_through,
    somewhere,
    stands_in,
    states,
    waits_in,
)

_READ_LOOP = "net/http.(*persistConn).readLoop"
_WRITE_LOOP = "net/http.(*persistConn).writeLoop"
_HTTP2_STREAMS = (
    "net/http.(*http2clientStream).doRequest",
    "net/http/internal/http2.(*clientStream).doRequest",
)
_HTTP_CLIENT = re.compile(
    r"net/http\.\((\*persistConn|\*Transport|\*Client|\*http2Transport|\*http2ClientConn"
    r"|\*http2clientStream)\)\."
)
_ROWS = (
    "database/sql.(*DB).QueryContext",
    "database/sql.(*DB).Query",
    "database/sql.(*Conn).QueryContext",
    "database/sql.(*Stmt).QueryContext",
    "database/sql.(*Stmt).Query",
    "database/sql.(*Tx).QueryContext",
    "database/sql.(*Tx).Query",
)
_ROW = (  # Scan gives its connection back
    "database/sql.(*DB).QueryRowContext",
    "database/sql.(*Conn).QueryRowContext",
    "database/sql.(*Stmt).QueryRowContext",
    "database/sql.(*Tx).QueryRowContext",
)
_CONNS = (
    "database/sql.(*DB).Conn",
    "database/sql.(*DB).BeginTx",
    "database/sql.(*DB).Begin",
    "database/sql.(*Conn).BeginTx",
)
_PGX_ROWS = re.compile(r"github\.com/jackc/pgx(/v\d+)?(/pgxpool)?\.\(\*(Pool|Conn|Tx)\)\.Query$")
_PGX_CONNS = re.compile(r"github\.com/jackc/pgx(/v\d+)?/pgxpool\.\(\*Pool\)\.(Acquire|Begin)")
_DATABASE = re.compile(r"^(database/sql|github\.com/jackc/(pgx|puddle)[^ ]*)\.")
_REDIS = re.compile(
    r"github\.com/(redis/go-redis|go-redis/redis)(/v\d+)?[./]|github\.com/gomodule/redigo/"
)
# Replies are read below pool.(*Conn).WithReader, and may well be kept: that is no connection.
_REDIS_CONNS = re.compile(
    r"/internal/pool\.(\(\*ConnPool\)\.|New(Sticky)?Conn)|redis\.\(\*(Pool\)\.Get|Client\)\.Conn)"
)
_CONTEXTS = (
    "context.AfterFunc",
    *(
        f"context.With{kind}{cause}"
        for kind in ("Cancel", "Deadline", "Timeout")
        for cause in ("", "Cause")
    ),
)
_METRICS = re.compile(
    r"prometheus/client_golang/prometheus\.\(\*(Metric|Counter|Gauge|Histogram|Summary)Vec\)"
    r"\.(Get\w*)?With(LabelValues)?$"
    r"|^expvar\.\(\*Map\)\.(Add|AddFloat|Set)$"
    r"|^go\.opentelemetry\.io/otel/sdk/metric\.\(\*\w+Inst\)\.(Add|Record)$"
    r"|/VictoriaMetrics/metrics\.(\(\*Set\)\.)?GetOrCreate\w+$"
    r"|/rcrowley/go-metrics\.GetOrRegister\w+$"
)
_OF_CONTEXTS = "context."
_CHILDREN = "map[context.canceler]struct {}"  # of a context that can be cancelled
_KEEP_CONTEXTS = ("context.(*cancelCtx).propagateCancel", "time.AfterFunc")
# A parent's channel is made when the first child asks for it, and kept with the parent.
_OF_THE_PARENT = ("context.(*cancelCtx).Done",)
_PREPARE = re.compile(r"^database/sql\.\(\*(DB|Conn|Tx)\)\.Prepare(Context)?$")
_OPEN_HANDLE = ("database/sql.Open", "database/sql.OpenDB")
_OPENER = "database/sql.(*DB).connectionOpener"  # each handle has one
_TICKERS = ("time.NewTicker", "time.Tick")
_TIMERS = ("time.AfterFunc", "time.NewTimer", "time.After")


def _names(clues: Clues, pattern: re.Pattern[str]) -> bool:
    return clues.leads_through(lambda name: pattern.search(name) is not None)


def _is_unread_body(clues: Clues) -> bool:
    """A connection's reader waits in its own select until the body that it handed out is read.

    On an idle connection it waits for bytes instead, below bufio's Peek.
    """
    return stands_in(clues, _READ_LOOP, "select") or any(
        stands_in(clues, function, "select") for function in _HTTP2_STREAMS
    )


def _is_http_client(clues: Clues, _head: Clues) -> bool:
    return _names(clues, _HTTP_CLIENT)


def _is_idle_connection(clues: Clues) -> bool:
    return runs_through(clues, _READ_LOOP) and states(clues) == {"IO wait"}


def _is_database_handle(clues: Clues) -> bool:
    return runs_through(clues, _OPENER) or somewhere(clues, *_OPEN_HANDLE)


def _is_rows(clues: Clues) -> bool:
    if runs_through(clues, "database/sql.(*Rows).awaitDone"):
        return True
    if _is_database_handle(clues):
        return False
    if not somewhere(clues, *_ROWS):
        return _names(clues, _PGX_ROWS)
    queried = [one for one in clues.grown if called(one.foreign, _ROWS)]
    # A query makes its context a child of the caller's: that is the caller's matter, who kept it.
    rows = any(not one.foreign[0].startswith(_OF_CONTEXTS) for one in queried)
    return rows and not somewhere(clues, *_CONNS, *_ROW)


def _is_open_transaction(clues: Clues) -> bool:
    return runs_through(clues, "database/sql.(*Tx).awaitDone")


def _is_conn(clues: Clues) -> bool:
    return somewhere(clues, *_CONNS) or _names(clues, _PGX_CONNS)


def _is_database(clues: Clues, _head: Clues) -> bool:
    return _names(clues, _DATABASE)


def _is_redis_conn(clues: Clues) -> bool:
    return _names(clues, _REDIS) and _names(clues, _REDIS_CONNS)


def _is_redis(clues: Clues, _head: Clues) -> bool:
    return _names(clues, _REDIS)


def _is_context(clues: Clues) -> bool:
    """A context that was not cancelled is among its parent's children, or has a timer that runs.

    One that was cancelled may still be kept by something else: that is another matter.
    """
    if any(one.container_type == _CHILDREN for one in clues.holders):
        return True
    return notably(clues, *_CONTEXTS) and any(
        called(one.foreign[-1:], _CONTEXTS)
        and called(one.foreign, _KEEP_CONTEXTS)
        and not called(one.foreign, _OF_THE_PARENT)
        for one in (*clues.grown, *clues.around)
        if one.count > 0 or one.bytes > 0
    )


def _is_ticker(clues: Clues) -> bool:
    if clues.goroutines:
        # Beside the ticks it waits for an end that never comes: that is the matter. And what a
        # ticker wakes can be reached: a goroutine that is proved dead waits for one that stopped.
        waits = clues.finding.evidence != "unreachable" and not waits_in(clues, "select")
        return somewhere(clues, *_TICKERS) and waits
    return notably(clues, *_TICKERS) and not _is_of_dead_goroutines(clues)


def _is_timer(clues: Clues) -> bool:
    if clues.goroutines:
        return False
    by_timers = any(one.root_kind == "timer" for one in clues.holders)
    return notably(clues, *_TIMERS) or (by_timers and somewhere(clues, *_TIMERS))


def _is_of_dead_goroutines(clues: Clues) -> bool:
    """Tell whether goroutines that are proved dead came as often: they wait for what this made."""
    dead = [one.goroutines_per_iteration for one in clues.siblings if one.evidence == "unreachable"]
    rate = clues.finding.rate
    return any(rate >= each and keeps_step(rate, each) for each in dead)


def _is_of_ticker(clues: Clues, head: Clues) -> bool:
    """The goroutine that waits for the ticks, and what is made beside the ticker."""
    waits = waits_in(clues, "chan receive", "select")
    return in_step(clues, head) and (waits or _is_beside(clues, head))


def _is_beside(clues: Clues, head: Clues) -> bool:
    """What one function makes in step with what it forgot, and puts nowhere else, goes with it."""
    function = head.finding.location.function
    beside = clues.finding.location.function == function and not containers(clues)
    return bool(clues.heap) and beside and in_step(clues, head)


def _is_labelled_metric(clues: Clues) -> bool:
    return below(clues, _METRICS)


def _is_served_connection(clues: Clues) -> bool:
    """It is in the map of connections that net/http's server has."""
    return any(one.container_type.startswith("map[*http.conn]") for one in clues.holders)


_CONN_NOT_RETURNED = Cause(
    "sql-conn-not-returned",
    "a database connection or transaction is taken from the pool and never given back",
    "after taking it: defer conn.Close() (pgx: Release), or defer tx.Rollback(), which does"
    " nothing once it is committed",
    "go doc database/sql.DB.Conn",
    _is_conn,
    gathers=_is_database,
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        "unclosed-response-body",
        "the body of an HTTP response is neither read to its end nor closed, so its connection,"
        " with two goroutines, waits for a reader for ever",
        "after the error check of each request: defer response.Body.Close(), and read the body to"
        " its end where the connection shall be used again",
        "go doc net/http.Response.Body",
        _is_unread_body,
        gathers=_is_http_client,
    ),
    Cause(
        OTHER,
        "idle connections of HTTP clients pile up, each with two goroutines, as they do where a"
        " http.Transport (or a client with one) is made for each call",
        "make one http.Client and use it for all requests, or call CloseIdleConnections() on the"
        " one that is thrown away",
        "go doc net/http.Transport",
        _is_idle_connection,
        gathers=_is_http_client,
    ),
    Cause(
        OTHER,
        "connections to this service stay open: whoever opened them (the service itself, where it"
        " calls itself) neither closes nor reuses them",
        "look at that client: read and close each response's body, and use one http.Client",
        "go doc net/http.Server.IdleTimeout",
        _is_served_connection,
    ),
    Cause(
        OTHER,
        "a database handle is opened for each call and never closed, with a goroutine and"
        " connections of its own",
        "open one sql.DB (or gorm.DB) at start-up and share it: it is a pool; or defer db.Close()",
        "go doc database/sql.Open",
        _is_database_handle,
        gathers=_is_database,
    ),
    # As long as it waits its transaction is open, whatever was read in it.
    replace(_CONN_NOT_RETURNED, fits=_is_open_transaction),
    Cause(
        "sql-rows-not-closed",
        "rows of a query are neither read to their end nor closed, so their connection never goes"
        " back to the pool",
        "after the error check of the query: defer rows.Close(), and pass the request's context",
        "go doc database/sql.Rows.Close",
        _is_rows,
        gathers=_is_database,
    ),
    _CONN_NOT_RETURNED,
    Cause(
        "redis-conn-not-released",
        "a Redis connection is taken from the client's pool and never given back",
        "after taking it: defer conn.Close(); or send the command through the client, which takes"
        " and returns a connection itself",
        "go doc github.com/redis/go-redis/v9.Conn.Close",
        _is_redis_conn,
        gathers=_is_redis,
    ),
    Cause(
        OTHER,
        "a statement is prepared for each call and not closed: its database keeps it",
        "prepare it once, at start-up, or close it: defer stmt.Close()",
        "go doc database/sql.Stmt.Close",
        lambda clues: below(clues, _PREPARE),
        gathers=_is_database,
    ),
    Cause(
        "ticker-not-stopped",
        "a time.Ticker is made for each call and never stopped",
        "defer ticker.Stop(), and let its loop end with the request: case <-ctx.Done(): return",
        "go doc time.Ticker.Stop",
        _is_ticker,
        gathers=_is_of_ticker,
    ),
    Cause(
        "context-not-cancelled",
        "a context is derived, or a function waits for one, and its cancel (or stop) function is"
        " not called, so its parent (or the timer of its deadline) keeps it",
        "call cancel on every way out: ctx, cancel := context.WithTimeout(...); defer cancel()",
        "go doc context.WithCancel",
        _is_context,
        gathers=_is_beside,
    ),
    Cause(
        "timer-not-stopped",
        "a timer is started for each call, and until it fires the runtime keeps it with all"
        " that its function captures",
        "stop it on every way out: defer timer.Stop()",
        "go doc time.Timer.Stop",
        _is_timer,
        gathers=_is_beside,
    ),
    Cause(
        "metrics-cardinality",
        "a metric gets a new child for each new value of its labels, and keeps it for ever",
        "take labels of few values (the route, not the path; no ids), or delete children that are"
        " done with",
        "go doc github.com/prometheus/client_golang/prometheus.CounterVec",
        _is_labelled_metric,
        gathers=is_request_part,
    ),
)
