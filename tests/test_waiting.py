"""What a goroutine waits in is told by its frames, in Go's words."""

from __future__ import annotations

import pytest

from pytest_echoleak.pprof.frames import Frame
from pytest_echoleak.waiting import wait_state

PARK = "runtime.gopark"


def frames(*functions: str) -> tuple[Frame, ...]:
    return tuple(Frame(function, "x.go", 1) for function in functions)


@pytest.mark.parametrize(
    ("inner", "stack", "state"),
    [
        ((PARK, "runtime.chansend", "runtime.chansend1"), ("main.f",), "chan send"),
        ((PARK, "runtime.chanrecv", "runtime.chanrecv2"), ("main.f",), "chan receive"),
        ((PARK, "runtime.selectgo"), ("main.f",), "select"),
        ((PARK, "runtime.block"), ("main.f",), "select (no cases)"),
        ((PARK,), ("time.Sleep", "main.f"), "sleep"),
        (("runtime.coroswitch",), ("iter.Pull[...].func1.1", "main.rows.func1"), "coroutine"),
        (
            (PARK, "runtime.goparkunlock", "runtime.semacquire1"),
            (
                "internal/sync.runtime_SemacquireMutex",
                "internal/sync.(*Mutex).lockSlow",
                "internal/sync.(*Mutex).Lock",
                "sync.(*Mutex).Lock",
                "main.f",
            ),
            "sync.Mutex.Lock",
        ),
        (
            (PARK, "runtime.semacquire1"),
            ("sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow", "main.f"),
            "sync.Mutex.Lock",
        ),
        (
            (PARK, "runtime.semacquire1"),
            ("sync.runtime_SemacquireRWMutex", "sync.(*RWMutex).Lock", "main.f"),
            "sync.RWMutex.Lock",
        ),
        (
            (PARK, "runtime.semacquire1"),
            ("sync.runtime_SemacquireWaitGroup", "sync.(*WaitGroup).Wait", "main.f"),
            "sync.WaitGroup.Wait",
        ),
        (
            (PARK, "runtime.netpollblock"),
            (
                "internal/poll.runtime_pollWait",
                "internal/poll.(*pollDesc).wait",
                "net.(*conn).Read",
            ),
            "IO wait",
        ),
        ((), ("main.f", "sync.(*Mutex).Lock"), ""),
        ((), (), ""),
    ],
)
def test_frames_tell_the_state(inner: tuple[str, ...], stack: tuple[str, ...], state: str) -> None:
    assert wait_state(inner, frames(*stack)) == state
