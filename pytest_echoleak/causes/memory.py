"""Causes that show in what keeps objects: maps, slices, registries, caches."""

from __future__ import annotations

import re

from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.evidence import containers, held_in, made_by, mostly, named

_READ_REQUEST = "net/http.readRequest"
# Whole words within a Go name: cache, userCache, Cached; but not "replicache".
_LISTENER_WORDS = (
    r"(?:\b|[a-z_.(*])(?:[Ss]ubscri|[Ll]isten|[Oo]bserve|[Ww]atcher|[Cc]allback|[Hh]ook|[Nn]otif)"
    r"|\.[Oo]n[A-Z]"
)
_REGISTRY_WORDS = r"(?:\b|[a-z_.(*])[Rr]egist(?:er|ry)"
_CACHE_WORDS = r"(?:\b|[a-z_.(*])(?:[Cc]ach|[Mm]emo(?:ize|\b))"
# Methods of libraries that put something where it stays until it is taken out.
_REGISTRIES = (
    "expvar.Publish",
    "expvar.NewInt",
    "expvar.NewFloat",
    "expvar.NewMap",
    "expvar.NewString",
    "net/http.Handle",
    "net/http.HandleFunc",
    "net/http.(*ServeMux).Handle",
    "net/http.(*ServeMux).HandleFunc",
    "database/sql.Register",
    "encoding/gob.Register",
    "encoding/gob.RegisterName",
    "gorilla/mux.(*Router).NewRoute",
    "sirupsen/logrus.(*Logger).AddHook",
    "sirupsen/logrus.LevelHooks.Add",
)
_REGISTRY_METHODS = re.compile(
    r"prometheus\.\(\*Registry\)\.(Register|MustRegister)$"
    r"|/echo(/v\d+)?\.\(\*(Echo|Group)\)\.(Add|Use|Pre|GET|POST|PUT|DELETE|PATCH)"
    r"|/mux\.\(\*Router\)\."
    r"|/logrus\.(\(\*Logger\)\.AddHook|LevelHooks\.Add|AddHook)"
)
_SCHEDULES = re.compile(r"robfig/cron(/v\d+)?\.\(\*Cron\)\.(AddFunc|AddJob|Schedule)$")
_LIBRARY_CACHES = re.compile(
    r"patrickmn/go-cache\.\(\*cache\)\.(Set|Add|SetDefault|set)"
    r"|jellydator/ttlcache(/v\d+)?\.\(\*Cache(\[[^]]*\])?\)\.(Set|set)"
    r"|/echo(/v\d+)?/middleware\.\(\*RateLimiterMemoryStore\)\.Allow"
)


def _leads_through(clues: Clues, pattern: re.Pattern[str]) -> bool:
    names = [name for one in clues.heap for name in one.foreign]
    names += [name for one in containers(clues) for name in one.grown.foreign]
    return any(pattern.search(name) for name in names)


def _is_kept_request(clues: Clues) -> bool:
    return clues.finding.location.function == _READ_REQUEST


def _is_listener(clues: Clues) -> bool:
    if _leads_through(clues, _SCHEDULES):
        return True
    kept = held_in(clues, "map") or held_in(clues, "slice")
    return kept and (named(clues, _LISTENER_WORDS) or made_by(clues, "runtime.makechan"))


def _is_registry(clues: Clues) -> bool:
    if mostly(clues, *_REGISTRIES) or _leads_through(clues, _REGISTRY_METHODS):
        return True
    return held_in(clues, "map") and named(clues, _REGISTRY_WORDS)


def _is_cache(clues: Clues) -> bool:
    if _leads_through(clues, _LIBRARY_CACHES):
        return True
    kept = held_in(clues, "map")
    return kept and (clues.per_value is True or named(clues, _CACHE_WORDS))


def _is_lock_map(clues: Clues) -> bool:
    return any(
        re.search(r"\*?sync\.(RW)?Mutex\b", one.container_type + " " + one.kept_type)
        for one in clues.holders
        if one.container in ("map", "sync.Map")
    )


def _is_substring(clues: Clues) -> bool:
    """What is kept is a part of a longer string: a holder of strings, and few bytes of them used."""
    return any(one.kept_type == "substring" for one in clues.holders)


def _is_finalizer_cycle(clues: Clues) -> bool:
    return any(one.root == "finalizer" for one in clues.holders)


def _is_closure(clues: Clues) -> bool:
    return any(one.kept_type.startswith("func(") for one in clues.holders)


CAUSES: tuple[Cause, ...] = (
    Cause(
        "context-retained",
        "whole requests are kept beyond their handlers, with context, headers and body",
        "keep copies of the few values that are needed (strings with strings.Clone), never the"
        " *http.Request or the echo.Context itself",
        "go doc strings.Clone",
        _is_kept_request,
    ),
    Cause(
        "finalizer-cycle",
        "objects with finalizers refer to each other in a circle, so neither is ever freed",
        "take the finalizer off the objects in the circle, or use runtime.AddCleanup, which keeps"
        " nothing alive",
        "go doc runtime.SetFinalizer",
        _is_finalizer_cycle,
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
        "substring-pin",
        "a short part of a long string is kept, and keeps the whole",
        "keep a copy of the part: strings.Clone(part), or bytes.Clone for slices",
        "go doc strings.Clone",
        _is_substring,
    ),
    Cause(
        "listener-not-removed",
        "a listener is registered for each call and never removed",
        "remove it on every way out: defer unsubscribe()",
        "go help doc",
        _is_listener,
    ),
    Cause(
        "global-registry",
        "each call registers something anew in a registry that lives as long as the process",
        "register once, at start-up, or take out what is done with",
        "go doc expvar.Publish",
        _is_registry,
    ),
    Cause(
        "cache-no-bound",
        "a cache keeps an entry for each new key and has neither a capacity nor a time to live",
        "put a capacity on it (an LRU) or let entries expire",
        "go doc container/list",
        _is_cache,
    ),
    Cause(
        "closure-capture",
        "a closure that is kept keeps all the variables it captures",
        "let the closure capture the few values it needs, and drop it when it is done",
        "go help doc",
        _is_closure,
    ),
    Cause(
        "unbounded-map",
        "a map without bound: an entry is added and not removed",
        "delete the entry on every way out (defer), or put a capacity or a time to live on the map",
        "go doc builtin.delete",
        lambda clues: held_in(clues, "map"),
    ),
    Cause(
        "unbounded-slice",
        "a slice without bound: elements are appended and none is removed",
        "keep the last N only (a ring), or write them out and empty the slice",
        "go doc slices.Delete",
        lambda clues: held_in(clues, "slice"),
    ),
    Cause(
        "unbounded-slice",
        "a string or buffer without bound: it is only ever added to",
        "begin anew from time to time, or write out what is complete",
        "go doc bytes.Buffer.Reset",
        lambda clues: held_in(clues, "string"),
    ),
    Cause(
        "unbounded-slice",
        "a list without bound: elements are added and none is removed",
        "remove the oldest element when the list is long enough",
        "go doc container/list.List.Remove",
        lambda clues: held_in(clues, "list"),
    ),
)
