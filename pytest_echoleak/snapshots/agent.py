"""Settled snapshots from the agent in the service: one short answer each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import NoReturn

from pytest_echoleak.agent.client import AgentClient, AgentError, AgentRefusalError, AgentSnapshot
from pytest_echoleak.agent.endpoint import AgentEndpoint
from pytest_echoleak.errors import ProfileError, SnapshotError
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.profiles import (
    Usage,
    by_stack,
    decode_goroutines,
    decode_heap,
    decode_leaked_goroutines,
)
from pytest_echoleak.services.instance import Instance, last_words, wait_for_ending
from pytest_echoleak.snapshots.cut_stacks import whole_stacks
from pytest_echoleak.snapshots.snapshot import Rest, Snapshot
from pytest_echoleak.text import printable_line, with_log


class AgentSource:
    """Reads one service's agent, over a connection of its own per snapshot.

    What the agent told last is kept, so that it tells only what changed since.
    """

    def __init__(self, instance: Instance, rest: Rest | None = None) -> None:
        self._instance = instance
        self._rest = rest or Rest()
        self._identity = ""
        self._generation = 0
        self._heap = Usage({}, {})
        self._stacks: dict[int, Stack] = {}

    def prepare(self) -> None:
        """Make the heap profile exact from now on. See SnapshotSource."""
        endpoint = self._endpoint()
        try:
            with AgentClient(endpoint) as client:
                client.hello()
                if endpoint.profile_rate_bytes is not None:
                    client.set_profile_rate(endpoint.profile_rate_bytes)
        except AgentError as cause:
            self._unreadable(cause)

    def take(self, previous: Snapshot | None = None) -> Snapshot:
        """Take a settled snapshot; see SnapshotSource."""
        identity = self._instance.identity()
        if identity != self._identity:
            self._identity, self._generation = identity, 0
            self._heap, self._stacks = Usage({}, {}), {}
        try:
            with AgentClient(self._endpoint()) as client:
                told = self._ask(client, previous)
                self._apply(client, told)
        except (AgentError, ProfileError) as cause:
            self._unreadable(cause)
        return Snapshot(
            taken_at_seconds=time.monotonic(),
            exact=told.profile_rate_bytes == 1,
            heap=self._heap,
            goroutines=dict(told.goroutines),
            stacks=self._stacks,
            inuse_objects=told.heap_objects,
            inuse_bytes=told.heap_bytes,
            allocated_objects=told.mallocs,
            goroutine_count=told.goroutine_count,
            heap_requests=0,
            goroutine_requests=0,
            identity=identity,
            at_rest=told.at_rest,
        )

    def unreachable_goroutines(self) -> Mapping[Stack, int] | None:
        """Return which goroutines are proved unreachable; see SnapshotSource."""
        try:
            with AgentClient(self._endpoint()) as client:
                return by_stack(decode_leaked_goroutines(client.profile("goroutineleak")))
        except AgentRefusalError:
            return None
        except (AgentError, ProfileError) as cause:
            self._unreadable(cause)

    def _ask(self, client: AgentClient, previous: Snapshot | None) -> AgentSnapshot:
        rest = self._rest
        return client.snapshot(
            self._generation,
            previous.goroutine_count if previous else -1,
            quiet_seconds=rest.quiet_seconds if previous else rest.first_quiet_seconds,
            limit_seconds=rest.limit_seconds,
        )

    def _apply(self, client: AgentClient, told: AgentSnapshot) -> None:
        """Take over what was told, and ask what stacks the changed sites are."""
        first = self._generation == 0
        last = self._heap
        objects = {site: count for site, count, _ in told.heap}
        size_bytes = {site: count_bytes for site, _, count_bytes in told.heap}
        changed = {site for site, _ in told.goroutines}
        if not first:
            changed |= {site for site in objects if last.objects.get(site) != objects[site]}
            changed |= {site for site in size_bytes if last.bytes.get(site) != size_bytes[site]}
        if told.partial:
            objects, size_bytes = {**last.objects, **objects}, {**last.bytes, **size_bytes}
        else:
            changed |= last.objects.keys() - objects.keys()
        new = client.stacks(sorted(changed - self._stacks.keys()))
        self._stacks.update(whole_stacks(new, lambda: _full_stacks(client)))
        self._generation, self._heap = told.generation, Usage(objects, size_bytes)

    def _endpoint(self) -> AgentEndpoint:
        endpoint = self._instance.endpoints().agent
        assert endpoint is not None, "this source is for services that have an agent"
        return endpoint

    def _unreadable(self, cause: Exception) -> NoReturn:
        wait_for_ending(self._instance)
        self._instance.identity()
        text = (
            f"{self._instance.name}: its agent cannot be read: {printable_line(str(cause))}."
            " Nothing is known of its memory, so this is no verdict. (agent=False in its spec reads"
            " its pprof instead.)"
        )
        raise SnapshotError(with_log(text, last_words(self._instance))) from cause


def _full_stacks(client: AgentClient) -> Iterator[tuple[Stack, int]]:
    """Yield the stacks of pprof's own profiles, which are cut at 128 frames, and what they hold."""
    heap = decode_heap(client.profile("heap"))
    for site, count in heap.usage.objects.items():
        yield heap.stacks[site], count
    goroutines = decode_goroutines(client.profile("goroutine"))
    for site, count in goroutines.counts.items():
        yield goroutines.stacks[site], count
