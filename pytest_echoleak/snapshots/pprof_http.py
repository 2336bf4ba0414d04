"""Settled snapshots over net/http/pprof."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_echoleak.errors import ProfileError, SnapshotError
from pytest_echoleak.ownership import made_by_measuring
from pytest_echoleak.pprof.frames import Stack
from pytest_echoleak.pprof.memstats import MemStats, parse_memstats
from pytest_echoleak.pprof.profiles import (
    GoroutineProfile,
    HeapProfile,
    by_stack,
    decode_goroutines,
    decode_heap,
    decode_leaked_goroutines,
)
from pytest_echoleak.pprof.stacks import StackTable
from pytest_echoleak.services.instance import Endpoints, Instance, last_words
from pytest_echoleak.snapshots.snapshot import RawProfiles, Rest, Snapshot, restarted
from pytest_echoleak.text import printable_line, with_log
from pytest_echoleak.transport import (
    Connection,
    Response,
    TransportError,
    decompressed,
    message,
    split_url,
)

_TIMEOUT_SECONDS = 60.0
_ANSWER_LIMIT_BYTES = 256 << 20  # the text form, for MemStats, lists every stack ever seen
_FORCED_GCS = 2  # sync.Pool's contents live through one, what has a finalizer needs another
_CLOSED = frozenset({"closed", "reset"})


class PprofSource:
    """Reads one service's pprof. A connection of its own per snapshot, closed at the end."""

    def __init__(self, instance: Instance, rest: Rest | None = None) -> None:
        self._instance = instance
        self._rest = rest or Rest()
        self._requests = 0
        self._stacks = StackTable()
        self._ours: dict[int, bool] = {}
        self._last: _Counters | None = None
        self._has_no_proof = False

    def prepare(self) -> None:
        """Do nothing: pprof is as the service serves it."""

    def take(self, previous: Snapshot | None = None) -> Snapshot:
        """Take a settled snapshot; see SnapshotSource."""
        identity = self._instance.identity()
        endpoints = self._instance.endpoints()
        client = _Client(endpoints)
        try:
            snapshot = self._take(client, previous, identity)
        except (TransportError, ProfileError) as cause:
            self._instance.identity()
            raise self._unreadable(endpoints, cause) from cause
        finally:
            client.close()
        if self._instance.identity() != identity:
            raise restarted(self._instance)
        return snapshot

    def unreachable_goroutines(self) -> Mapping[Stack, int] | None:
        """Return which goroutines are proved unreachable; see SnapshotSource.

        A service that others started is not asked: where something is found, the collector keeps
        these goroutines marked for good.
        """
        if self._instance.runtime == "attached" or self._has_no_proof:
            return None
        client = _Client(self._instance.endpoints())
        try:
            profile = decode_leaked_goroutines(self._get(client, "/goroutineleak"))
        except (TransportError, ProfileError):
            self._instance.identity()
            self._has_no_proof = True
            return None
        finally:
            client.close()
        return by_stack(profile)

    def _take(self, client: _Client, previous: Snapshot | None, identity: str) -> Snapshot:
        at_rest = self._wait_for_rest(client, previous)
        for _ in range(_FORCED_GCS - 1):
            self._get(client, "/heap?gc=1")
        heap_pb_gz = self._get(client, "/heap?gc=1")
        heap = decode_heap(heap_pb_gz, self._stacks)
        memstats = None if heap.exact else self._memstats(client)
        heap_requests = self._requests
        goroutine_pb_gz = self._get(client, "/goroutine")
        goroutines = decode_goroutines(goroutine_pb_gz, self._stacks)
        last, self._last = self._last, _Counters(heap, memstats)
        if previous is not None and last is not None and _went_back(last, self._last):
            raise restarted(self._instance)
        totals = memstats or self._totals(heap)
        return Snapshot(
            taken_at_seconds=time.monotonic(),
            exact=heap.exact,
            heap=heap.usage,
            goroutines=goroutines.counts,
            stacks=self._stacks,
            inuse_objects=totals.heap_objects,
            inuse_bytes=totals.heap_alloc_bytes,
            allocated_objects=totals.mallocs,
            goroutine_count=goroutines.count,
            heap_requests=heap_requests,
            goroutine_requests=self._requests,
            identity=identity,
            at_rest=at_rest,
            raw=RawProfiles(heap_pb_gz, goroutine_pb_gz),
        )

    def _totals(self, heap: HeapProfile) -> MemStats:
        """Return the sums of exact sites, which are the totals; ours are not counted as mallocs."""
        return MemStats(
            heap_alloc_bytes=sum(heap.usage.bytes.values()),
            heap_objects=sum(heap.usage.objects.values()),
            mallocs=sum(
                count for site, count in heap.allocated_objects.items() if not self._is_ours(site)
            ),
            num_gc=0,
        )

    def _is_ours(self, site: int) -> bool:
        if site not in self._ours:
            self._ours[site] = made_by_measuring(self._stacks[site])
        return self._ours[site]

    def _memstats(self, client: _Client) -> MemStats:
        return parse_memstats(self._get(client, "/heap?gc=1&debug=1").decode("utf-8", "replace"))

    def _wait_for_rest(self, client: _Client, previous: Snapshot | None) -> bool:
        rest = self._rest
        quiet_seconds = rest.first_quiet_seconds if previous is None else rest.quiet_seconds
        limit = time.monotonic() + rest.limit_seconds
        last, since = -1, time.monotonic()
        while True:
            count = self._goroutines(client).count
            now = time.monotonic()
            if previous is not None and count <= previous.goroutine_count:
                return True
            if count != last:
                last, since = count, now
            if now - since >= quiet_seconds:
                return True
            if now >= limit:
                return False
            time.sleep(min(rest.poll_seconds + (now - since) / 4, 0.1))

    def _goroutines(self, client: _Client) -> GoroutineProfile:
        return decode_goroutines(self._get(client, "/goroutine"), self._stacks)

    def _get(self, client: _Client, place: str) -> bytes:
        self._requests += 1
        try:
            response = client.get(place)
        except TransportError as error:
            if error.reason not in _CLOSED:
                raise
            # A service may close an idle connection in the very moment that a request comes.
            self._requests += 1
            response = client.get(place)
        if response.status != 200:
            text = printable_line(response.body[:200].decode("utf-8", "replace"))
            raise ProfileError(f"{place} was answered with status {response.status}: {text}")
        return decompressed(response, _ANSWER_LIMIT_BYTES)

    def _unreadable(self, endpoints: Endpoints, cause: Exception) -> SnapshotError:
        kind = ProfileError if isinstance(cause, ProfileError) else SnapshotError
        text = (
            f"{self._instance.name}: its pprof at {endpoints.pprof_url} cannot be read: {cause}. "
            "Nothing is known of its memory, so this is no verdict."
        )
        return kind(with_log(text, last_words(self._instance)))


class _Client:
    """GETs below pprof's place, over one connection."""

    def __init__(self, endpoints: Endpoints) -> None:
        origin, self._target = split_url(endpoints.pprof_url)
        self._headers = dict(endpoints.pprof_headers)
        self._connection = Connection(
            origin, timeout_seconds=_TIMEOUT_SECONDS, limit_bytes=_ANSWER_LIMIT_BYTES
        )

    def get(self, place: str) -> Response:
        target = self._target.rstrip("/") + place
        host = self._connection.host_header
        return self._connection.exchange(message("GET", target, host, self._headers))

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class _Counters:
    """What only ever grows in one process."""

    heap: HeapProfile
    memstats: MemStats | None


def _went_back(before: _Counters, after: _Counters) -> bool:
    """Tell whether a counter that only ever grows in one process has shrunk."""
    if before.memstats is not None and after.memstats is not None:
        if after.memstats.mallocs < before.memstats.mallocs:
            return True
        if after.memstats.num_gc < before.memstats.num_gc:
            return True
    made = after.heap.allocated_objects
    return any(count > made.get(site, 0) for site, count in before.heap.allocated_objects.items())
