"""Causes that show in what a goroutine waits for."""

from __future__ import annotations

import re

from pytest_echoleak.causes.cause import OTHER, Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.evidence import in_step, made_by, packages_below, somewhere, waits_in
from pytest_echoleak.ownership import package_of

_TIMERS = (
    "time.After",
    "time.NewTimer",
    "time.AfterFunc",
    "time.(*Timer).Reset",
    "time.NewTicker",
    "time.Tick",
)
_UNBLOCK = (
    "give the channel room for what is sent, close it when no more comes, or select on ctx.Done()"
)
_NEARLY_ALL = 0.9
_BLOCKED = ("chan send", "chan receive", "select", "select (no cases)")


# Waiting for a timer's channel puts the timer on the runtime's heap of them.
_TIMER_CHANNEL = "runtime.blockTimerChan"
_YIELDS = re.compile(r"iter\.Pull2?(\[.*\])?\.func1\.")


def _is_held(clues: Clues, head: Clues) -> bool:
    """Tell whether heap is what a goroutine holds: its channel, or what made it.

    Holders tell for certain: what goroutines hold may be in a map, too, where others find it. Else
    it must have come as often as the goroutines, and be channels, or be made by the very library
    that the goroutine runs in.
    """
    if not clues.heap or not in_step(clues, head):
        return False
    if clues.holders:
        theirs = [
            one for one in clues.holders if one.root_kind == "goroutine" and not one.container
        ]
        shares = sum(one.share for one in theirs)
        return len(theirs) == len(clues.holders) or shares >= _NEARLY_ALL
    entries = {one.stack[-1].function for one in head.goroutines if not one.own[-1]}
    library = {package_of(entry) for entry in entries}
    return made_by(clues, "runtime.makechan") or bool(library & packages_below(clues))


def _wakes_up_again(clues: Clues) -> bool:
    """It sleeps, runs, or waits beside a timer of its own: it goes on and on, and never ends."""
    if not clues.goroutines or clues.finding.evidence == "unreachable":
        return False
    timers = somewhere(clues, *_TIMERS) or _waits_for_timer(clues)
    return waits_in(clues, "sleep") or (waits_in(clues, "chan receive", "select") and timers)


def _waits_for_timer(clues: Clues) -> bool:
    """Tell whether the runtime made room for timers where these goroutines wait."""
    where = {one.functions for one in clues.goroutines}
    return any(
        _TIMER_CHANNEL in one.inner and one.functions in where
        for one in (*clues.heap, *clues.around)
    )


def _is_left_iterator(clues: Clues) -> bool:
    """The goroutine stands where its iterator yields; who calls next stands elsewhere."""
    return waits_in(clues, "coroutine") and any(
        _YIELDS.match("".join(one.functions[:1])) for one in clues.goroutines
    )


CAUSES: tuple[Cause, ...] = (
    Cause(
        OTHER,
        "an iterator of iter.Pull is never stopped: its goroutine waits for a call of next",
        "stop it on every way out: next, stop := iter.Pull(seq), and defer stop()",
        "go doc iter.Pull",
        _is_left_iterator,
        gathers=_is_held,
    ),
    Cause(
        "mutex-never-unlocked",
        "goroutines wait for a mutex that nobody unlocks",
        "unlock on every way out: defer mu.Unlock() right after mu.Lock()",
        "go doc sync.Mutex",
        lambda clues: waits_in(clues, "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock"),
        gathers=_is_held,
    ),
    Cause(
        "waitgroup-never-done",
        "goroutines wait for a sync.WaitGroup whose counter never comes back to zero",
        "call Done on every way out: defer wg.Done() as the goroutine's first statement, or wg.Go",
        "go doc sync.WaitGroup",
        lambda clues: waits_in(clues, "sync.WaitGroup.Wait"),
        gathers=_is_held,
    ),
    Cause(
        "goroutine-no-exit-loop",
        "a goroutine that wakes up by the clock is started for each call, and its loop has no end",
        "give its loop a way out: select on ctx.Done() of a context that ends with the request, or"
        " on a channel that is closed",
        "go doc context.Context.Done",
        _wakes_up_again,
        gathers=_is_held,
    ),
    Cause(
        "goroutine-blocked-channel",
        "a goroutine is blocked for ever on a channel: nobody is left at its other end",
        _UNBLOCK,
        "go doc context.Context.Done",
        lambda clues: waits_in(clues, *_BLOCKED) and clues.finding.evidence == "unreachable",
        gathers=_is_held,
    ),
    Cause(
        "goroutine-blocked-channel",
        "goroutines wait on a channel, and of those that came none went on while this check ran",
        _UNBLOCK,
        "go doc context.Context.Done",
        lambda clues: waits_in(clues, *_BLOCKED),
        gathers=_is_held,
    ),
)
