"""What a goroutine waits in, in Go's own words, told by the functions at the end of its stack."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_echoleak.pprof.frames import Frame
from pytest_echoleak.results import Location

# Functions of the runtime, and of those that the runtime serves: the first one found tells.
_STATES = {
    "runtime.chansend": "chan send",
    "runtime.chansend1": "chan send",
    "runtime.chanrecv": "chan receive",
    "runtime.chanrecv1": "chan receive",
    "runtime.chanrecv2": "chan receive",
    "runtime.selectgo": "select",
    "runtime.block": "select (no cases)",
    "runtime.coroswitch": "coroutine",
    "time.Sleep": "sleep",
    "sync.(*WaitGroup).Wait": "sync.WaitGroup.Wait",
    "sync.(*RWMutex).RLock": "sync.RWMutex.RLock",
    "sync.(*RWMutex).Lock": "sync.RWMutex.Lock",
    "sync.(*Mutex).Lock": "sync.Mutex.Lock",
    "internal/sync.(*Mutex).Lock": "sync.Mutex.Lock",
    "internal/sync.(*Mutex).lockSlow": "sync.Mutex.Lock",
    "sync.(*Mutex).lockSlow": "sync.Mutex.Lock",
    "sync.(*Cond).Wait": "sync.Cond.Wait",
    "internal/poll.runtime_pollWait": "IO wait",
}
# Below these stand only the wrappers in which one waits.
_WAITING_PACKAGES = ("sync.", "internal/sync.", "internal/poll.")


def wait_state(inner: Iterable[str], stack: Iterable[Frame | Location]) -> str:
    """Return what a goroutine waits in, "" where its frames do not tell.

    `inner`: the runtime's functions at the inner end of its stack; `stack`: what follows.
    """
    for function in inner:
        if function in _STATES:
            return _STATES[function]
    found = ""
    for frame in stack:
        if frame.function in _STATES:
            # The outermost wrapper says most: RWMutex.Lock calls Mutex.Lock.
            found = _STATES[frame.function]
        elif not frame.function.startswith(_WAITING_PACKAGES):
            break
    return found
