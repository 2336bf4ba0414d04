"""Causes that show in what a goroutine waits for."""

from __future__ import annotations

from pytest_echoleak.causes.cause import Cause
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.evidence import somewhere, waits_in

_TIMERS = ("time.After", "time.NewTimer", "time.AfterFunc", "time.(*Timer).Reset")
_BLOCKED = ("chan send", "chan receive", "select", "select (no cases)")


def _wakes_up_again(clues: Clues) -> bool:
    """It sleeps, runs, or waits beside a timer of its own: it goes on and on, and never ends."""
    if not clues.goroutines or clues.finding.evidence == "unreachable":
        return False
    return waits_in(clues, "sleep") or (
        waits_in(clues, "chan receive", "select") and somewhere(clues, *_TIMERS)
    )


CAUSES: tuple[Cause, ...] = (
    Cause(
        "mutex-never-unlocked",
        "goroutines wait for a mutex that nobody unlocks",
        "unlock on every way out: defer mu.Unlock() right after mu.Lock()",
        "go doc sync.Mutex",
        lambda clues: waits_in(clues, "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock"),
    ),
    Cause(
        "waitgroup-never-done",
        "goroutines wait for a sync.WaitGroup whose counter never comes back to zero",
        "call Done on every way out: defer wg.Done() as the goroutine's first statement, or wg.Go",
        "go doc sync.WaitGroup",
        lambda clues: waits_in(clues, "sync.WaitGroup.Wait"),
    ),
    Cause(
        "goroutine-no-exit-loop",
        "a goroutine that wakes up by the clock is started for each call, and its loop has no end",
        "give its loop a way out: select on ctx.Done() of a context that ends with the request, or"
        " on a channel that is closed",
        "go doc context.Context.Done",
        _wakes_up_again,
    ),
    Cause(
        "goroutine-blocked-channel",
        "a goroutine is blocked for ever on a channel: nobody is left at its other end",
        "give the channel room for what is sent, close it when no more comes, or select on ctx.Done()",
        "go doc context.Context.Done",
        lambda clues: waits_in(clues, *_BLOCKED),
    ),
)
