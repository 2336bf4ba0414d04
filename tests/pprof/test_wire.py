"""The profile's message lives in a pool of its own."""

from __future__ import annotations

import gzip

from google.protobuf import descriptor_pool

from pytest_echoleak.pprof.wire import profile_class
from tests.pprof.profile_maker import recorded


def test_it_takes_no_name_from_the_pool_that_all_packages_share() -> None:
    profile_class()
    shared = descriptor_pool.Default()
    for name in ("perftools.profiles.Profile", "pytest_echoleak.Profile"):
        try:
            shared.FindMessageTypeByName(name)
        except KeyError:
            continue
        raise AssertionError(f"{name} was registered for everybody")


def test_nothing_of_a_real_profile_is_unknown_to_it() -> None:
    plain = gzip.decompress(recorded("go1.27.exact.heap"))
    message = profile_class()()
    message.ParseFromString(plain)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    assert message.ByteSize() == size
