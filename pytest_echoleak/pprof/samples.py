"""A profile's samples, read all at once: one by one, protobuf's lists cost more than all the rest.

A packed list of numbers is a field of bytes on the wire, and such lists one behind the other are
a longer list: declared as bytes, the lists of all samples are joined and decoded in a single call.
Source of the format: protobuf's encoding guide, "Packed Repeated Fields". Writers leave short lists
unpacked (Go's those of one or two numbers); samples that have such are decoded by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_echoleak.pprof.wire import sample_class

# A number ends with its only byte below 128: without the others, what is left counts them.
_NOT_LAST = bytes(range(0x80, 0x100))
_VALUE_TAG = b"\x12"


@dataclass(frozen=True)
class Samples:
    """The location ids and the values of all samples, one sample behind the other.

    `depths` and `widths` tell how many of each are a sample's.
    """

    location_ids: Sequence[int]
    depths: Sequence[int]
    values: Sequence[int]
    widths: Sequence[int]


def read_samples(samples: Any) -> Samples:
    """Read `samples`, which are of `wire.packed_profile_class`. Raises DecodeError."""
    ids = [sample.location_id for sample in samples]
    values = [sample.value for sample in samples]
    if not all(ids) or not all(values):
        for place, sample in enumerate(samples):
            if not ids[place] or not values[place]:
                plain = sample_class()()
                plain.ParseFromString(sample.SerializeToString())
                ids[place] = b"".join(map(_varint, plain.location_id))
                values[place] = b"".join(map(_varint, plain.value))
    return Samples(_numbers(ids), _counts(ids), _numbers(values), _counts(values))


def _numbers(packed: Iterable[bytes]) -> list[int]:
    joined = b"".join(packed)
    message = sample_class()()
    message.ParseFromString(_VALUE_TAG + _varint(len(joined)) + joined)
    return list(message.value)


def _counts(packed: Iterable[bytes]) -> list[int]:
    return [len(one.translate(None, _NOT_LAST)) for one in packed]


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
