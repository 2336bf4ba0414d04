"""Profiles of our own making, for `go tool pprof`: what an agent told, in pprof's format."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.pprof.wire import profile_class


def encode_heap(sites: Mapping[Stack, tuple[int, int]]) -> bytes:
    """Return a gzipped heap profile of what each stack holds: live objects, bytes in them."""
    return _encode((("inuse_objects", "count"), ("inuse_space", "bytes")), sites)


def encode_goroutines(counts: Mapping[Stack, int]) -> bytes:
    """Return a gzipped goroutine profile."""
    return _encode((("goroutine", "count"),), {stack: (n,) for stack, n in counts.items()})


def _encode(types: Sequence[tuple[str, str]], samples: Mapping[Stack, tuple[int, ...]]) -> bytes:
    message = profile_class()()
    strings = _Numbers()
    strings.number("")
    for name, unit in types:
        message.sample_type.add(type=strings.number(name), unit=strings.number(unit))
    message.default_sample_type = message.sample_type[-1].type
    message.period = 1
    functions, locations = _Numbers(), _Numbers()
    for stack, values in samples.items():
        numbers = [1 + locations.number(frame) for frame in stack]
        message.sample.add(location_id=numbers, value=values)
    frame: Frame
    for number, frame in enumerate(locations.values, start=1):
        function = 1 + functions.number((frame.function, frame.file))
        message.location.add(id=number).line.add(function_id=function, line=frame.line)
    for number, (name, file) in enumerate(functions.values, start=1):
        text, path = strings.number(name), strings.number(file)
        message.function.add(id=number, name=text, system_name=text, filename=path)
    message.string_table.extend(strings.values)
    return gzip.compress(message.SerializeToString(), mtime=0)


class _Numbers:
    """Gives each value that it meets a number, from 0 on."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    @property
    def values(self) -> list[Any]:
        return list(self._numbers)

    def number(self, value: object) -> int:
        return self._numbers.setdefault(value, len(self._numbers))
