"""Callables, plain and async."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from pytest_echoleak.errors import WorkloadError
from pytest_echoleak.workload.driver import driving
from pytest_echoleak.workload.workload import to_workload
from tests.misbehaving_server import Server
from tests.workload.driven import Meeting, run

NOWHERE = Server("http://127.0.0.1:1")


class TestCallables:
    @pytest.mark.parametrize("concurrency", [1, 6])
    def test_each_number_exactly_once(self, concurrency: int) -> None:
        seen: list[int] = []
        run(seen.append, NOWHERE, 200, first=5, concurrency=concurrency)
        assert sorted(seen) == list(range(5, 205))

    def test_one_at_a_time_runs_in_the_tests_own_thread(self) -> None:
        threads: list[threading.Thread] = []
        run(lambda: threads.append(threading.current_thread()), NOWHERE, 3)
        assert set(threads) == {threading.current_thread()}

    def test_as_many_as_asked_for_are_in_flight(self) -> None:
        meeting = Meeting(5)
        run(meeting.enter, NOWHERE, 20, concurrency=5)
        assert meeting.most == 5

    @pytest.mark.parametrize("concurrency", [1, 4])
    def test_what_it_raises_is_the_cause(self, concurrency: int) -> None:
        seen: list[int] = []

        def fail(number: int) -> None:
            seen.append(number)
            if number == 7:
                raise ValueError("no \x1b[2J seat")

        with pytest.raises(
            WorkloadError, match=r"iteration 7: .*fail\(\) raised ValueError: no"
        ) as e:
            run(fail, NOWHERE, 100_000, concurrency=concurrency)
        assert isinstance(e.value.__cause__, ValueError)
        assert "\x1b" not in str(e.value)
        assert len(seen) < 100_000

    def test_a_plain_function_that_returns_a_coroutine_is_refused(self) -> None:
        async def later() -> None: ...

        with pytest.raises(WorkloadError, match="write it as `async def`"):
            run(lambda: later(), NOWHERE, 1)


class TestAsyncCallables:
    def test_each_number_once_and_so_many_in_flight(self) -> None:
        seen: list[int] = []
        now = most = 0

        async def work(number: int) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            seen.append(number)
            now -= 1

        run(work, NOWHERE, 100, concurrency=7)
        assert sorted(seen) == list(range(1, 101))
        assert most == 7

    def test_while_a_loop_runs_in_the_tests_thread(self) -> None:
        seen: list[int] = []

        async def work(number: int) -> None:
            await asyncio.sleep(0)
            seen.append(number)

        async def test() -> None:
            run(work, NOWHERE, 10)

        asyncio.run(test())
        assert seen == list(range(1, 11))

    def test_one_loop_for_the_whole_check(self) -> None:
        """A client session that the test keeps belongs to one loop."""
        loops = set()

        async def work() -> None:
            loops.add(asyncio.get_running_loop())

        with driving(to_workload(work), lambda: "", 3) as driver:
            for first in (1, 11, 21):
                driver.run(first, 10)
                driver.rest()
        assert len(loops) == 1

    def test_the_first_failure_ends_it(self) -> None:
        seen: list[int] = []

        async def work(number: int) -> None:
            await asyncio.sleep(0)
            seen.append(number)
            if number == 20:
                raise ValueError("no seat")

        with pytest.raises(WorkloadError, match=r"iteration 20: .*work\(\) raised ValueError: no"):
            run(work, NOWHERE, 100_000, concurrency=4)
        assert len(seen) < 200

    def test_tasks_that_it_left_behind_are_cancelled(self) -> None:
        ended = threading.Event()

        async def background() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

        tasks = []

        async def work() -> None:
            tasks.append(asyncio.ensure_future(background()))
            await asyncio.sleep(0)

        run(work, NOWHERE, 1)
        assert ended.is_set()


def test_an_interrupt_ends_the_driving_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import pytest_echoleak.workload.calls as module

    def interrupted(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "wait", interrupted)
    seen: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.001)
        seen.append(number)

    with pytest.raises(KeyboardInterrupt):
        run(work, NOWHERE, 1_000_000, concurrency=3)
    assert len(seen) < 1_000_000
