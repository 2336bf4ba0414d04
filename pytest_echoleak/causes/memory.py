"""Causes that show in what keeps objects: maps, slices, registries, caches."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from pytest_echoleak.causes.cause import OTHER, Cause
from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.causes.containers import containers, held_in, is_enlarged_slice, named
from pytest_echoleak.causes.evidence import (
    below,
    comes_with,
    directly_below,
    events,
    in_step,
    is_request_part,
    keeps_requests,
    made_by,
    reads_request,
)
from pytest_echoleak.causes.paths import packages_in, types_behind_container, types_to_container
from pytest_echoleak.pprof.frames import short_package
from pytest_echoleak.results import HeldBy

# Words of a function's or a type's name: userCache, Cached, but not replicache.
_LISTENER_WORDS = r"(?:\b|[a-z_.(*])(?:[Ss]ubscri|[Ll]istener|[Oo]bserver|[Ww]atcher)"
_REGISTRY_WORDS = r"(?:\b|[a-z_.(*])[Rr]egist(?:er|ry)"
_LONG_BYTES = 256
_SHORT_SHARE = 0.25
_METRIC_WORDS = r"(?:\b|_|[A-Za-z0-9](?=[MHG]))(?:[Mm]etric|[Hh]istogram|[Gg]auge)"
_CACHE_WORDS = r"(?:\b|_|[A-Za-z0-9](?=[CM]))(?:[Cc]ache|[Mm]emoi[sz]e)"
_REQUEST = re.compile(r"(\*http\.Request|\b(echo|gin)\.Context)$")
_LOCK = re.compile(r"\*?sync\.(RW)?Mutex$")
_CONTAINERS_OF_GO = {"list", "sync"}
_KEY = re.compile(r"\*?(string|u?int\d*|any)")
# Of libraries: what puts something where it stays until it is taken out.
_REGISTRIES = re.compile(
    r"^expvar\.(Publish|New(Int|Float|Map|String))$"
    r"|^net/http\.(\(\*ServeMux\)\.)?Handle(Func)?$"
    r"|^database/sql\.Register$|^encoding/gob\.Register(Name)?$"
    r"|prometheus\.(\(\*Registry\)\.)?(Must)?Register$"
    r"|/echo(/v\d+)?\.\(\*(Echo|Group)\)\.(Add|Use|Pre|GET|POST|PUT|DELETE|PATCH|Any)$"
    r"|/gorilla/mux\.\(\*Router\)\.(Handle|HandleFunc|NewRoute|Path|PathPrefix|Methods)$"
    r"|/logrus\.(\(\*Logger\)\.AddHook|LevelHooks\.Add|AddHook)$"
)
_SUBSCRIBES = re.compile(
    r"\.\(\*?\w+(\[.*\])?\)\."
    r"((Queue|Chan|ChanQueue)?Subscribe(Sync|Func|Async|Chan|SyncWithChan)?|Add(Listener|Observer))$"
)
# What the user's own line calls: libraries call such methods, too.
_HOOKS = re.compile(r"\.\(\*?\w+(\[.*\])?\)\.On[A-Z]\w*$")
_SCHEDULES = re.compile(r"/robfig/cron(/v\d+)?\.\(\*Cron\)\.(AddFunc|AddJob|Schedule)$")
_LIBRARY_CACHES = re.compile(
    r"/patrickmn/go-cache\.\(\*cache\)\.(Set|Add|SetDefault|set)$"
    r"|/jellydator/ttlcache(/v\d+)?\.\(\*Cache(\[[^]]*\])?\)\.[Ss]et$"
    r"|/echo(/v\d+)?/middleware\.\(\*RateLimiterMemoryStore\)\.Allow$"
)


def _put_by(clues: Clues, pattern: re.Pattern[str]) -> bool:
    """Tell whether a library's function made the objects, or put them into a container of its."""
    return below(clues, pattern) or any(
        pattern.search(name) for one in containers(clues) for name in one.through
    )


def _are_requests(clues: Clues) -> bool:
    """Whole requests are among it, or what holds it is a collection of them."""
    return keeps_requests(clues) or any(
        _REQUEST.search(one.container_type) for one in clues.holders
    )


def _is_in_variable_of_library(clues: Clues) -> bool:
    """The library that made the objects for the user keeps them in a variable of its own.

    Its types alone lead there: a default server's or mux's variable leads to the user's handlers.
    """
    made_in = {short_package(name) for one in clues.heap for name in one.foreign}
    return any(
        one.root_kind == "package variable"
        and len(packages := packages_in(types_to_container(one)) - _CONTAINERS_OF_GO) == 1
        and packages <= made_in & clues.libraries
        for one in clues.holders[:1]
    )


def _is_kept_by_cleanup(clues: Clues) -> bool:
    """Nothing that a dump shows keeps it, and runtime.AddCleanup was called as often.

    What AddCleanup itself makes is kept by any object that lives.
    """
    cleanups = [one for one in (*clues.heap, *clues.around) if _makes_cleanup(one)]
    return (
        any(one.root_kind == "nothing" for one in clues.holders)
        and not all(map(_makes_cleanup, clues.heap))
        and any(comes_with(one.count, events(clues)) for one in cleanups)
    )


def _makes_cleanup(grown: Grown) -> bool:
    return any(name.startswith("runtime.AddCleanup") for name in grown.inner)


def _are_kept_by_cleanups(clues: Clues, head: Clues) -> bool:
    return _is_kept_by_cleanup(clues) and in_step(clues, head)


def _are_jobs(clues: Clues) -> bool:
    return any(one.container_type.endswith("*cron.Entry") for one in clues.holders)


def _is_in_collection(clues: Clues) -> bool:
    return held_in(clues, "map") or held_in(clues, "slice")


def _is_listener(clues: Clues) -> bool:
    """A channel that is kept is one, too, unless goroutines wait at its other end."""
    if not _is_in_collection(clues):
        return False
    waiting = any(sibling.kind == "goroutine" for sibling in clues.siblings)
    channels = made_by(clues, "runtime.makechan") and not waiting
    return named(clues, _LISTENER_WORDS) or channels


def _is_hook(clues: Clues) -> bool:
    return directly_below(clues, _HOOKS)


def _is_cache(clues: Clues) -> bool:
    """A map is a cache where something is called so: its name, its owner's type, what adds to it.

    That it has an entry for each key is no evidence: so have counters, locks and sessions.
    """
    called_so = _is_called(clues, _CACHE_WORDS) or named(clues, _CACHE_WORDS)
    return held_in(clues, "map") and called_so and not _is_hook(clues)


def _is_map_of_metrics(clues: Clues) -> bool:
    metrics = held_in(clues, "map") and _is_called(clues, _METRIC_WORDS)
    return metrics and not _is_in_variable_of_library(clues)


def _is_called(clues: Clues, words: str) -> bool:
    """Tell whether what holds it has one of these words in its name, its type or its owner's."""
    return any(re.search(words, name) for one in clues.holders for name in _names_of(one))


def _names_of(held: HeldBy) -> tuple[str, ...]:
    """Return a container's name and type, and the type that has it."""
    owner = next(
        (
            before
            for before, hop in itertools.pairwise(held.path)
            if held.container_type and hop.endswith(held.container_type)
        ),
        "",
    )
    return (held.container_name, held.container_type, owner)


def _is_in_map(clues: Clues) -> bool:
    """What grows with new values alone is kept by value, where neither holder nor growth tells."""
    unseen = not clues.holders and not containers(clues)
    return held_in(clues, "map") or (clues.per_value is True and unseen)


def _is_lock_map(clues: Clues) -> bool:
    """Its values are locks, or all that hangs from it but its keys."""
    return any(
        _LOCK.search(one.container_type.rpartition("]")[2]) or _keeps_locks(one)
        for one in clues.holders
        if one.container in ("map", "sync.Map")
    )


def _keeps_locks(held: HeldBy) -> bool:
    kept = set(held.kept_types) - {held.container_type}
    if held.container == "sync.Map":
        kept -= {"?"}  # the trie that it is made of
    others = [one for one in kept if not _KEY.fullmatch(one)]
    return bool(others) and all(map(_LOCK.fullmatch, others))


def _is_request_string(clues: Clues) -> bool:
    """Parts of requests, but no whole ones: a string keeps the line that it was cut from."""
    return reads_request(clues) and not keeps_requests(clues)


def _is_short_part(clues: Clues) -> bool:
    """A short part keeps a long whole. Where that is not long, what holds it is the matter."""
    size_bytes = clues.finding.bytes / max(clues.finding.objects, 1)
    shown = [one.shown_share for one in clues.holders]
    return size_bytes >= _LONG_BYTES and bool(shown) and max(shown) <= _SHORT_SHARE


def _has_root(root: str) -> Callable[[Clues], bool]:
    return lambda clues: any(one.root_kind == root for one in clues.holders)


def _is_closure(clues: Clues) -> bool:
    """A function is kept: in a container, or by the next one of a chain of them."""
    return any(
        _keeps_function(one, clues.libraries)
        or re.search(r"\bfunc\(", one.container_type)
        or (one.container == "linked list" and one.container_type.startswith("func "))
        for one in clues.holders
    )


def _keeps_function(held: HeldBy, libraries: frozenset[str]) -> bool:
    """Tell whether what is kept is a function, by itself or in a field of a type of the user's.

    A library's type that was given a function is kept for what it is.
    """
    kept = types_behind_container(held)
    functions = [n for n, one in enumerate(kept) if one.startswith("func ")]
    if not functions or (functions[0] and not "".join(held.kept_types[:1]).startswith("func")):
        return False
    return not libraries & packages_in((held.container_type, *kept[: functions[0]]))


def _is_chain_of_contexts(clues: Clues) -> bool:
    return any(
        one.container == "linked list" and one.container_type.startswith("*context.")
        for one in clues.holders
    )


def _kept_together(clues: Clues, head: Clues) -> bool:
    """Tell whether what two findings count lies in the same container."""
    if is_request_part(clues, head):
        return True
    if clues.per_value and head.per_value and in_step(clues, head):
        return True
    keepers = {one.place for one in containers(clues)}
    return bool(keepers) and keepers == {one.place for one in containers(head)}


CAUSES: tuple[Cause, ...] = (
    Cause(
        "context-retained",
        "whole requests are kept beyond their handlers, with context, headers and body",
        "keep copies of the few values that are needed (strings with strings.Clone), never the"
        " *http.Request or the echo.Context itself",
        "go doc strings.Clone",
        _are_requests,
    ),
    Cause(
        "substring-pin",
        "a short string is kept that was cut from a long one, and keeps all of it",
        "keep a copy of the part: strings.Clone(part)",
        "go doc strings.Clone",
        _is_short_part,
    ),
    Cause(
        "listener-not-removed",
        "each call adds a job to a schedule, and none is ever removed",
        "keep the id that adding returns, and remove the job when it is done",
        "go doc github.com/robfig/cron/v3.Cron.Remove",
        lambda clues: _put_by(clues, _SCHEDULES) or _are_jobs(clues),
        gathers=_kept_together,
    ),
    Cause(
        "global-registry",
        "each call registers something anew in a registry of a library, which keeps it for ever",
        "register once, at start-up, and let calls use what is there",
        "go doc expvar.Publish",
        lambda clues: _put_by(clues, _REGISTRIES),
        gathers=_kept_together,
    ),
    Cause(
        "cache-no-bound",
        "a cache of a library gets an entry for each new key, and none went while this check ran",
        "give entries a time to live, or the cache a capacity",
        "go doc container/list",
        lambda clues: _put_by(clues, _LIBRARY_CACHES),
        gathers=_kept_together,
    ),
    Cause(
        "finalizer-cycle",
        "what a cleanup gets, or its function captured, leads back to the object that it is for, so"
        " that is never freed",
        "give runtime.AddCleanup only what must be released, and nothing that refers to the object",
        "go doc runtime.AddCleanup",
        _is_kept_by_cleanup,
        gathers=_are_kept_by_cleanups,
    ),
    Cause(
        "finalizer-cycle",
        "objects with finalizers refer to each other in a circle, so neither is ever freed",
        "take the finalizer off the objects in the circle, or use runtime.AddCleanup, which keeps"
        " nothing alive",
        "go doc runtime.SetFinalizer",
        _has_root("finalizer"),
    ),
    Cause(
        "lock-map",
        "a map holds a lock for each key, and no entry is ever removed",
        "take a fixed number of locks and choose one by the key's hash, or delete the entry when"
        " its last user is done",
        "go doc sync.Mutex",
        _is_lock_map,
    ),
    Cause(
        "listener-not-removed",
        "a listener is registered for each call and never removed",
        "remove it on every way out: defer unsubscribe()",
        "go doc builtin.delete",
        lambda clues: _is_listener(clues) or below(clues, _SUBSCRIBES) or _is_hook(clues),
        gathers=_kept_together,
    ),
    Cause(
        "global-registry",
        "each call makes something that registers itself in a package variable of its library",
        "make it once, at start-up, or take it out when it is done with",
        "go doc expvar.Publish",
        _is_in_variable_of_library,
        gathers=_kept_together,
    ),
    Cause(
        "metrics-cardinality",
        "a map of metrics gets an entry for each new value of their labels, and keeps it for ever",
        "take labels of few values (the route, not the path; no ids), or drop what is done with",
        "go doc builtin.delete",
        _is_map_of_metrics,
        gathers=_kept_together,
    ),
    Cause(
        "global-registry",
        "each call registers something anew in a registry that lives as long as the process",
        "register once, at start-up, or take out what is done with",
        "go doc expvar.Publish",
        lambda clues: held_in(clues, "map") and named(clues, _REGISTRY_WORDS),
        gathers=_kept_together,
    ),
    Cause(
        "cache-no-bound",
        "a cache keeps an entry for each new key, and none went while this check ran",
        "put a capacity on it (an LRU) or let entries expire",
        "go doc container/list",
        _is_cache,
        gathers=_kept_together,
    ),
    Cause(
        "closure-capture",
        "a closure that is kept keeps all the variables it captures",
        "let the closure capture the few values it needs, and drop it when it is done",
        "go doc builtin.delete",
        _is_closure,
        gathers=_kept_together,
    ),
    Cause(
        "unbounded-map",
        "a map only grows: entries are added, and none went while this check ran",
        "delete the entry on every way out (defer), or put a capacity or a time to live on the map",
        "go doc builtin.delete",
        lambda clues: _is_in_map(clues) and not is_enlarged_slice(clues),
        gathers=_kept_together,
    ),
    Cause(
        "unbounded-slice",
        "a slice only grows: elements are appended, and none went while this check ran",
        "keep the last N only (a ring), or write them out and empty the slice",
        "go doc slices.Delete",
        lambda clues: held_in(clues, "slice") or is_enlarged_slice(clues),
        gathers=_kept_together,
    ),
    Cause(
        "unbounded-slice",
        "a string or buffer only grows: it is added to, and was never emptied while this check ran",
        "begin anew from time to time, or write out what is complete",
        "go doc bytes.Buffer.Reset",
        lambda clues: held_in(clues, "string"),
        gathers=_kept_together,
    ),
    Cause(
        "context-retained",
        "a context that is kept is wrapped in a new one with each call, so it becomes a longer and"
        " longer chain",
        "begin each call's context at the request's own, and keep values in a map with a bound",
        "go doc context",
        _is_chain_of_contexts,
        gathers=_kept_together,
    ),
    Cause(
        OTHER,
        "a tree only grows: nodes are added, and none went while this check ran",
        "remove what is not needed any more, or build it anew from time to time",
        "go doc builtin.new",
        lambda clues: held_in(clues, "tree"),
        gathers=_kept_together,
    ),
    Cause(
        OTHER,
        "a list only grows: elements are added, and none went while this check ran",
        "remove the oldest element when the list is long enough",
        "go doc container/list.List.Remove",
        lambda clues: held_in(clues, "list"),
        gathers=_kept_together,
    ),
    Cause(
        "unbounded-slice",
        "a channel's buffer fills: values are sent, and hardly any is received",
        "let its receiver keep up, or give it a small buffer and drop what does not fit",
        "go doc builtin.make",
        lambda clues: held_in(clues, "channel"),
        gathers=_kept_together,
    ),
    Cause(
        "substring-pin",
        "a string cut from a request's path or header is kept, and keeps the whole line",
        "keep a copy of it: strings.Clone(part)",
        "go doc strings.Clone",
        _is_request_string,
    ),
)
