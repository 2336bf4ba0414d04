"""Decoding profiles: real ones give what is known of them, others a ProfileError."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from collections.abc import Callable

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.errors import ProfileError
from pytest_echoleak.pprof import profiles
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.pprof.profiles import (
    GoroutineProfile,
    HeapProfile,
    Usage,
    decode_goroutines,
    decode_heap,
)
from pytest_echoleak.pprof.stacks import StackTable
from pytest_echoleak.pprof.wire import undecoded_profile_class
from tests.pprof.profile_maker import Maker, recorded

VERSIONS = ("go1.21", "go1.26", "go1.27")
REQUESTS = 300
WAIT = Frame("main.wait", "example.com/recorded/main.go", 20)
EXACT = gzip.decompress(recorded("go1.26.exact.heap"))
SAMPLED = gzip.decompress(recorded("go1.27.sampled.heap"))
GOROUTINES = gzip.decompress(recorded("go1.27.exact.goroutine"))
Decode = Callable[[bytes], HeapProfile | GoroutineProfile]
decoders = pytest.mark.parametrize("decode", [decode_heap, decode_goroutines])


def sites(profile: HeapProfile) -> dict[Stack, int]:
    return {profile.stacks[site]: site for site in profile.usage.objects}


def leaked(profile: HeapProfile, function: str, line: int) -> tuple[int, int]:
    """Return the objects and bytes of the one site that allocates in this line."""
    usage = profile.usage
    (held,) = (
        (usage.objects[site], usage.bytes[site])
        for stack, site in sites(profile).items()
        if (stack[0].function, stack[0].line) == (function, line) and usage.objects[site] > 1
    )
    return held


@pytest.mark.parametrize("version", VERSIONS)
class TestRealProfiles:
    def test_an_exact_heap_profile_counts_every_leaked_object(self, version: str) -> None:
        profile = decode_heap(recorded(f"{version}.exact.heap"))
        assert profile.period_bytes == 1
        assert profile.exact
        kept = leaked(profile, "example.com/recorded/store.Keep", 11)
        assert kept == (REQUESTS, 64 * REQUESTS)
        assert leaked(profile, "main.leak", 25) == (REQUESTS, 128 * REQUESTS)

    def test_records_that_differ_in_object_size_alone_are_one_site(self, version: str) -> None:
        """Line 26 allocates the channel, which stays, and the closure, which does not."""
        profile = decode_heap(recorded(f"{version}.exact.heap"))
        allocated = [
            profile.allocated_objects[site]
            for stack, site in sites(profile).items()
            if (stack[0].function, stack[0].line) == ("main.leak", 26)
        ]
        objects, _ = leaked(profile, "main.leak", 26)
        assert objects == REQUESTS
        assert 2 * REQUESTS in allocated

    def test_frames_have_function_file_and_line_inlined_ones_too(self, version: str) -> None:
        profile = decode_heap(recorded(f"{version}.exact.heap"))
        (stack,) = (s for s in sites(profile) if s[0].function == "example.com/recorded/store.Keep")
        assert stack[:2] == (
            Frame("example.com/recorded/store.Keep", "example.com/recorded/store/store.go", 11),
            Frame("main.leak", "example.com/recorded/main.go", 24),
        )
        assert stack[-1].function == "net/http.(*conn).serve"

    def test_a_profile_at_the_default_rate_is_not_exact(self, version: str) -> None:
        profile = decode_heap(recorded(f"{version}.sampled.heap"))
        assert profile.period_bytes == 524_288
        assert not profile.exact

    @pytest.mark.parametrize("rate", ["exact", "sampled"])
    def test_goroutines_are_counted_per_stack(self, version: str, rate: str) -> None:
        profile = decode_goroutines(recorded(f"{version}.{rate}.goroutine"))
        blocked = {s: n for s, n in profile.counts.items() if profile.stacks[s][-1:] == (WAIT,)}
        assert list(blocked.values()) == [REQUESTS]
        assert REQUESTS < profile.count < REQUESTS + 10

    def test_one_kind_of_profile_is_never_taken_for_the_other(self, version: str) -> None:
        with pytest.raises(ProfileError, match=r"not a heap profile: it counts goroutine"):
            decode_heap(recorded(f"{version}.exact.goroutine"))
        with pytest.raises(ProfileError, match=r"not a goroutine profile.*path right"):
            decode_goroutines(recorded(f"{version}.exact.heap"))


class TestSites:
    def test_columns_are_found_by_name_whatever_their_order(self) -> None:
        maker = Maker(("inuse_space", "other", "inuse_objects", "alloc_space", "alloc_objects"))
        place = maker.location(("main.f", "main.go", 1))
        profile = decode_heap(maker.sample([place], [10, 99, 1, 40, 4]).data())
        assert profile.usage == Usage({0: 1}, {0: 10})

    def test_equal_stacks_are_added_up_even_when_their_locations_differ(self) -> None:
        maker = Maker()
        one, two = (maker.location(("main.f", "main.go", 7)) for _ in range(2))
        maker.sample([one], [3, 30, 1, 10]).sample([two], [5, 50, 2, 20])
        assert decode_heap(maker.data()).usage == Usage({0: 3}, {0: 30})

    def test_other_lines_of_one_function_are_other_sites(self) -> None:
        maker = Maker()
        for line in (7, 8):
            maker.sample([maker.location(("main.f", "main.go", line))], [1, 1, 1, 1])
        assert len(decode_heap(maker.data()).usage.objects) == 2

    def test_inlined_calls_keep_their_order(self) -> None:
        maker = Maker()
        inner = maker.location(("a", "a.go", 1), ("b", "b.go", 2))
        outer = maker.location(("c", "c.go", 3))
        (stack,) = sites(decode_heap(maker.sample([inner, outer], [1, 1, 1, 1]).data()))
        assert [frame.function for frame in stack] == ["a", "b", "c"]

    def test_a_location_without_symbols_is_named_by_its_address(self) -> None:
        maker = Maker()
        place = maker.location()
        maker.message.location[0].address = 0x401000
        (stack,) = sites(decode_heap(maker.sample([place], [1, 1, 1, 1]).data()))
        assert stack == (Frame("0x401000", "", 0),)

    def test_a_profile_without_samples_is_one(self) -> None:
        assert decode_heap(Maker().data()).usage == Usage({}, {})


class TestDamage:
    @decoders
    def test_an_empty_body(self, decode: Decode) -> None:
        with pytest.raises(ProfileError, match="is empty"):
            decode(b"")

    @decoders
    def test_an_empty_gzip(self, decode: Decode) -> None:
        with pytest.raises(ProfileError, match="is empty"):
            decode(gzip.compress(b""))

    def test_a_proxys_page_is_quoted_in_the_error(self) -> None:
        with pytest.raises(ProfileError, match="begin with '<html>Log in"):
            decode_heap(b"<html>Log in\x1b[2J please</html>")

    def test_the_text_form_is_no_profile(self) -> None:
        with pytest.raises(ProfileError, match="heap profile: 1: 2"):
            decode_heap(b"heap profile: 1: 2 [3: 4] @ heap/524288\n")

    def test_a_gzip_cut_anywhere(self) -> None:
        whole = recorded("go1.26.exact.heap")
        for size in (2, 10, 100, len(whole) // 2, len(whole) - 1):
            with pytest.raises(ProfileError, match="gzip"):
                decode_heap(whole[:size])

    def test_a_gzip_bomb_stops_at_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(profiles, "UNPACKED_LIMIT_BYTES", 1 << 20)
        bomb = gzip.compress(bytes(64 << 20), compresslevel=9)
        tracemalloc.start()
        try:
            with pytest.raises(ProfileError, match="unpacks to more than 1048576 bytes"):
                decode_heap(bomb)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()

    def test_a_profile_that_is_not_packed_has_the_same_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An empty sample takes two bytes to send, and fifty to decode."""
        monkeypatch.setattr(profiles, "UNPACKED_LIMIT_BYTES", 1 << 20)
        with pytest.raises(ProfileError, match="is longer than 1048576 bytes"):
            decode_heap(Maker().data() + b"\x12\x00" * (1 << 20))

    @decoders
    def test_64_megabytes_of_random_bytes(self, decode: Decode) -> None:
        with pytest.raises(ProfileError):
            decode(os.urandom(64 << 20))

    def test_a_protobuf_of_another_type(self) -> None:
        other = descriptor_pb2.FileDescriptorProto(name="x.proto", package="y")
        other.message_type.add(name="Z").field.add(name="f", number=1)
        with pytest.raises(ProfileError):
            decode_heap(other.SerializeToString())

    def test_a_string_that_is_not_in_the_table(self) -> None:
        maker = Maker()
        maker.location(("main.f", "main.go", 1))
        maker.message.function[0].name = 1000
        with pytest.raises(ProfileError, match=r"damaged: string 1000 of 7"):
            decode_heap(maker.data())

    def test_a_negative_string_index(self) -> None:
        maker = Maker()
        maker.message.sample_type[0].type = -1
        with pytest.raises(ProfileError, match=r"damaged: string -1"):
            decode_heap(maker.data())

    def test_no_string_table(self) -> None:
        maker = Maker()
        del maker.message.string_table[:]
        with pytest.raises(ProfileError, match="no string table"):
            decode_heap(maker.data())

    @pytest.mark.parametrize("missing", [5, 0xD800, 0x110000, 1 << 32, (1 << 64) - 1])
    @pytest.mark.parametrize("others", [False, True], ids=["first profile", "numbered otherwise"])
    def test_a_location_that_is_missing(self, missing: int, others: bool) -> None:
        stacks = StackTable()
        if others:
            stacks.location((("main.other", "main.go", 2),))
        maker = Maker()
        place = maker.location(("main.f", "main.go", 1))
        with pytest.raises(ProfileError, match="a location that is not in it"):
            decode_heap(maker.sample([place, missing], [1, 1, 1, 1]).data(), stacks)

    @pytest.mark.parametrize("others", [False, True], ids=["first profile", "numbered otherwise"])
    def test_a_sample_whose_last_field_is_cut(self, others: bool) -> None:
        """It swallows what marks its end."""
        stacks = StackTable()
        if others:
            stacks.location((("main.other", "main.go", 2),))
        maker = Maker()
        maker.location(("main.f", "main.go", 1))
        message = undecoded_profile_class()()
        message.ParseFromString(maker.data())
        message.sample.append(bytes.fromhex("1204010101017a03"))
        with pytest.raises(ProfileError, match="damaged"):
            decode_heap(message.SerializeToString(), stacks)

    def test_a_sample_that_is_too_long(self) -> None:
        maker = Maker()
        place = maker.location(("main.f", "main.go", 1))
        with pytest.raises(ProfileError, match="a sample has more than 64,000 bytes"):
            decode_heap(maker.sample([place] * 70_000, [1, 1, 1, 1]).data())

    def test_a_function_that_is_missing(self) -> None:
        maker = Maker()
        maker.location(("main.f", "main.go", 1))
        del maker.message.function[:]
        with pytest.raises(ProfileError, match="function 1 is not in it"):
            decode_heap(maker.data())

    def test_a_sample_with_too_few_values(self) -> None:
        maker = Maker()
        place = maker.location(("main.f", "main.go", 1))
        with pytest.raises(ProfileError, match="its samples do not have 4 values each"):
            decode_heap(maker.sample([place], [1, 1, 1]).data())


class TestWhateverArrives:
    """A decoder answers with a profile or a ProfileError, and nothing else, ever."""

    @staticmethod
    def is_answered(data: bytes) -> None:
        message = ""
        for decode, kind in ((decode_heap, HeapProfile), (decode_goroutines, GoroutineProfile)):
            try:
                assert isinstance(decode(data), kind)
            except ProfileError as error:  # noqa: PERF203
                message += str(error)
        assert len(message) < 4000
        assert "\x1b" not in message

    @settings(deadline=None)
    @given(st.binary(max_size=4096))
    def test_arbitrary_bytes(self, data: bytes) -> None:
        self.is_answered(data)
        self.is_answered(b"\x1f\x8b" + data)
        self.is_answered(gzip.compress(data))

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from([EXACT, SAMPLED, GOROUTINES]), st.data())
    def test_a_real_profile_cut_anywhere(self, whole: bytes, data: st.DataObject) -> None:
        self.is_answered(whole[: data.draw(st.integers(0, len(whole)))])

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from([EXACT, SAMPLED, GOROUTINES]), st.data())
    def test_a_real_profile_with_bytes_changed(self, whole: bytes, data: st.DataObject) -> None:
        changed = bytearray(whole)
        changes = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255))
        for place, value in data.draw(st.lists(changes, min_size=1, max_size=8)):
            changed[place] = value
        self.is_answered(bytes(changed))

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_a_compressed_profile_with_bytes_changed(self, data: st.DataObject) -> None:
        changed = bytearray(recorded("go1.27.sampled.heap"))
        changes = st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255))
        for place, value in data.draw(st.lists(changes, min_size=1, max_size=4)):
            changed[place] = value
        self.is_answered(bytes(changed))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(-(2**63), 2**63 - 1)))))
    def test_samples_of_any_shape(self, samples: list[tuple[int, list[int]]]) -> None:
        maker = Maker()
        maker.location(("main.f", "main.go", 1))
        for place, values in samples:
            maker.sample([place], values)
        self.is_answered(maker.data())


class TestBombs:
    def test_a_stack_of_more_calls_than_any_has(self) -> None:
        maker = Maker()
        place = maker.location(("main.f", "main.go", 1))
        with pytest.raises(ProfileError, match="more than 1,000 calls"):
            decode_heap(maker.sample([place] * 20_000, [1, 1, 1, 1]).data())

    def test_a_call_with_more_inlined_than_any_has(self) -> None:
        maker = Maker()
        place = maker.location(*[("main.f", "main.go", 1)] * 2_000)
        with pytest.raises(ProfileError, match="more than 1,000 calls are inlined"):
            decode_heap(maker.sample([place], [1, 1, 1, 1]).data())
