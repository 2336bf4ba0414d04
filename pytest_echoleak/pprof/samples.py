"""A profile's samples, read many at once: one by one, protobuf's lists cost more than all the rest.

Messages one behind the other are, by protobuf's rule for merging, one message whose lists are the
lists of all, joined (encoding guide, "Last One Wins"). So samples are left as bytes, and some
hundred of them are decoded in a single call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_echoleak.pprof.wire import sample_class

# A packed list of location ids, with a 0 in it. No location has that number, neither in Go's
# profiles nor by the format: it tells samples apart.
_END_OF_SAMPLE = b"\x0a\x01\x00"

# So many samples at a time: their numbers are gone before they have left the processor's cache.
_AT_ONCE = 200


@dataclass(frozen=True)
class Samples:
    """The location ids and the values of some samples, one sample behind the other.

    Behind each sample's location ids stands a 0.
    """

    count: int
    location_ids: Sequence[int]
    values: Sequence[int]


def read_samples(samples: Sequence[bytes]) -> Iterator[Samples]:
    """Read `samples`, the encoded messages. Raises DecodeError."""
    for start in range(0, len(samples), _AT_ONCE):
        chosen = samples[start : start + _AT_ONCE]
        joined = sample_class()()
        joined.ParseFromString(_END_OF_SAMPLE.join([*chosen, b""]))
        # A slice is a list, made in two thirds of the time.
        yield Samples(len(chosen), joined.location_id[:], joined.value[:])
