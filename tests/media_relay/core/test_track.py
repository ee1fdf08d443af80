"""A track stays one continuous source, whatever publishers do."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.core.history import SLOT
from media_relay.core.packet import Codec, Extensions, payload_start
from media_relay.core.track import AUDIO_SLOTS, VIDEO_SLOTS, Source, Track
from tests.media_relay.core.packets import packet

CODECS = {96: Codec.VP8, 102: Codec.H264}
KEY, DELTA = b"\x10\x00key", b"\x10\x01delta"


@dataclass(frozen=True)
class Stored:
    number: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes


class Video:
    """A track and the means to feed it."""

    def __init__(self, first: int = 1_000, *, is_video: bool = True) -> None:
        self.track = Track(
            is_video=is_video, ssrc=77, repair_ssrc=78, first_sequence=first, slots=1_024 if is_video else 256
        )

    def source(self, ssrc: int = 1) -> Source:
        return Source(ssrc, CODECS if self.track.is_video else {111: Codec.OPUS}, self.track.clock_rate)

    def feed(self, source: Source, data: bytes, now: float = 0.0) -> bool:
        view = memoryview(data)
        return self.track.ingest(
            source, view, 0, len(data), payload_start(view, 0, len(data)), Extensions(), now
        )

    def batch(self) -> list[Stored]:
        return [self.read(slot) for slot in self.track.take_batch()[0]]

    def read(self, slot: int) -> Stored:
        history = self.track.history
        data = bytes(history.view[slot * SLOT : slot * SLOT + history.lengths[slot]])
        first, second, number, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        assert first == 0x90, "canonical packets have an extension block, no padding and no CSRCs"
        end_of_block = 16 + 4 * int.from_bytes(data[14:16], "big")
        return Stored(number, timestamp, ssrc, second & 0x7F, bool(second & 0x80), data[end_of_block:])


def test_a_stream_goes_through_with_its_own_numbers_and_one_ssrc() -> None:
    video = Video(first=1_000)
    source = video.source(ssrc=1)
    for i in range(5):
        assert video.feed(source, packet(60_000 + i, 5_000 + i, KEY if i == 0 else DELTA, marker=i == 4))
    batch = video.batch()
    assert [p.number for p in batch] == [1_000, 1_001, 1_002, 1_003, 1_004]
    assert [p.timestamp for p in batch] == [5_000, 5_001, 5_002, 5_003, 5_004]
    assert {p.ssrc for p in batch} == {77}
    assert [p.marker for p in batch] == [False] * 4 + [True]
    assert batch[0].payload == KEY


def test_pictures_begin_with_a_keyframe() -> None:
    video = Video(first=10)
    source = video.source()
    assert not video.feed(source, packet(1, 0, DELTA))
    assert not video.feed(source, packet(2, 0, DELTA))
    assert video.feed(source, packet(3, 3_000, KEY))
    assert [p.number for p in video.batch()] == [10], "what was left out before took no numbers"
    assert source.reception.received == 3, "but it was received"


def test_the_keyframe_is_marked_in_the_batch() -> None:
    video = Video(first=10)
    source = video.source()
    for number, payload in enumerate((KEY, DELTA, DELTA)):
        video.feed(source, packet(number, 3_000, payload), now=1.0)
    assert video.track.take_batch()[1] == 0
    for number, payload in enumerate((DELTA, DELTA, KEY, KEY), start=3):
        video.feed(source, packet(number, 6_000 if payload == DELTA else 9_000, payload), now=2.0)
    slots, keyframe = video.track.take_batch()
    assert keyframe == 2 and video.read(slots[2]).number == video.track.keyframe_sequence == 15
    assert video.track.keyframe_at == 2.0
    assert video.track.take_batch() == ([], -1)


def test_a_keyframe_begins_once_however_many_of_its_packets_look_like_a_start() -> None:
    video = Video(first=10)
    source = video.source()
    for number in range(3):  # in H.264 the parameter sets and the picture, in batches of their own
        video.feed(source, packet(number, 3_000, KEY), now=float(number))
        assert video.track.take_batch()[1] == (0 if number == 0 else -1)
    assert (video.track.keyframe_sequence, video.track.keyframe_at) == (10, 0.0)


def test_a_new_publisher_continues_numbers_and_time() -> None:
    video = Video(first=65_534)
    first, second = video.source(1), video.source(2)
    video.feed(first, packet(9, 1_000, KEY), now=10.0)
    video.feed(first, packet(10, 4_000, DELTA), now=10.033)
    video.feed(second, packet(50_000, 3_000_000_000, KEY), now=12.033)
    video.feed(second, packet(50_001, 3_000_003_000, DELTA), now=12.066)
    batch = video.batch()
    assert [p.number for p in batch] == [65_534, 65_535, 0, 1]
    assert [p.timestamp for p in batch] == [1_000, 4_000, 4_000 + 180_000, 4_000 + 183_000]
    assert video.track.highest == 65_537


def test_a_new_publisher_at_the_same_moment_still_advances_time() -> None:
    video = Video()
    for ssrc, now in ((1, 5.0), (2, 5.0), (3, 4.0)):
        video.feed(video.source(ssrc), packet(1, 700, KEY), now=now)
    times = [p.timestamp for p in video.batch()]
    assert times == [700, 701, 702], "also when the clock went backwards"


def test_a_superseded_source_stays_silent() -> None:
    video = Video()
    first, second = video.source(1), video.source(2)
    video.feed(first, packet(1, 0, KEY))
    assert not video.feed(second, packet(1, 0, DELTA)), "waits for its keyframe"
    assert not video.feed(first, packet(2, 0, DELTA))
    assert video.feed(second, packet(2, 0, KEY))
    assert not video.feed(first, packet(3, 0, KEY))
    assert [p.number for p in video.batch()] == [1_000, 1_001]


def test_duplicates_unknown_types_and_padding_are_left_out() -> None:
    video = Video(first=0)
    source = video.source()
    assert video.feed(source, packet(1, 0, KEY))
    assert not video.feed(source, packet(1, 0, KEY))
    assert not video.feed(source, packet(2, 0, b"", padding=200)), "only padding"
    assert video.feed(source, packet(3, 0, DELTA, padding=7))
    assert not video.feed(source, packet(4, 0, DELTA, payload_type=99))
    batch = video.batch()
    assert [(p.number, p.payload) for p in batch] == [(0, KEY), (1, DELTA)]


def test_packets_too_large_for_the_history_are_left_out() -> None:
    video = Video()
    source = video.source()
    video.feed(source, packet(1, 0, KEY))
    assert not video.feed(source, packet(2, 0, DELTA + bytes(SLOT)))
    assert video.feed(source, packet(3, 0, DELTA.ljust(SLOT - 20, b"\0")))


def test_a_late_packet_fills_its_place() -> None:
    video = Video(first=100)
    source = video.source()
    for number in (1, 2, 4, 5, 3):
        video.feed(source, packet(number, number, KEY if number == 1 else DELTA))
    assert [p.number for p in video.batch()] == [100, 101, 103, 104, 102]
    assert video.track.highest == 104


def test_a_packet_older_than_the_history_does_not_displace_a_newer_one() -> None:
    sound = Video(first=0, is_video=False)
    source = sound.source()
    for number in range(AUDIO_SLOTS + 20):
        if number != 10:
            assert sound.feed(source, packet(number, number * 960, b"tone", payload_type=111))
    sound.batch()
    assert not sound.feed(source, packet(10, 9_600, b"late", payload_type=111))
    slot = sound.track.history.find(10 + AUDIO_SLOTS)
    assert slot >= 0 and sound.read(slot).payload == b"tone"


def test_a_packet_late_across_a_rollover_waits_to_be_asked_for() -> None:
    video = Video(first=65_535)
    source = video.source()
    video.feed(source, packet(0, 0, KEY))
    video.feed(source, packet(2, 2, DELTA))
    video.batch()
    video.feed(source, packet(3, 3, DELTA))
    assert video.feed(source, packet(1, 1, DELTA)), "in the same rollover it is forwarded"
    assert [p.number for p in video.batch()] == [2, 0]

    video = Video(first=65_534)
    source = video.source()
    video.feed(source, packet(0, 0, KEY))
    video.feed(source, packet(2, 2, DELTA))
    video.batch()
    assert video.feed(source, packet(1, 1, DELTA))
    assert video.batch() == []
    assert video.track.history.find(65_535) >= 0


@dataclass(frozen=True)
class Event:
    source: int
    step: int
    payload: bytes
    padding: int
    duplicate: bool
    delay: int


EVENTS = st.lists(
    st.builds(
        Event,
        source=st.sampled_from([0, 0, 0, 0, 1, 2]),
        step=st.sampled_from([1, 1, 1, 1, 2, 3, -1, -2, 40]),
        payload=st.sampled_from([KEY, DELTA, DELTA, b""]),
        padding=st.sampled_from([0, 0, 0, 1, 255]),
        duplicate=st.booleans(),
        delay=st.integers(0, 100),
    ),
    max_size=150,
)


@settings(max_examples=200)
@given(st.integers(1, 1 << 14), EVENTS)
def test_no_number_is_ever_used_for_two_plaintexts(first: int, events: list[Event]) -> None:
    """Subscribers' keys make the nonce of AES-GCM from SSRC and number: a second plaintext would give the key away."""
    video = Video(first=first)
    sources = {i: video.source(i + 1) for i in range(3)}
    numbers = {0: 100, 1: 65_530, 2: 30_000}
    plaintexts: dict[int, Stored] = {}
    now = 0.0
    highest = first - 1
    for event in events:
        now += event.delay / 1_000
        number = numbers[event.source] = numbers[event.source] + event.step
        data = packet(number, number * 100, event.payload, padding=event.padding)
        for _ in range(1 + event.duplicate):
            video.feed(sources[event.source], data, now)
        for slot in video.track.take_batch()[0]:
            sent = video.read(slot)
            extended = next(n for n in range(video.track.highest, -1, -1) if n & 0xFFFF == sent.number)
            assert plaintexts.setdefault(extended, sent) == sent
            highest = max(highest, extended)
    assert video.track.highest >= highest
    assert video.track.highest - first < VIDEO_SLOTS * 64


@given(EVENTS)
def test_in_order_streams_have_no_gap_but_those_of_losses(events: list[Event]) -> None:
    video = Video(first=5)
    source = video.source()
    number, expected = 0, []
    video.feed(source, packet(0, 0, KEY))
    outgoing = 5
    for event in events:
        step = abs(event.step)
        number += step
        outgoing += step
        if video.feed(source, packet(number, number, event.payload, padding=event.padding)):
            expected.append(outgoing)
        else:
            outgoing -= 1
    assert [p.number for p in video.batch()] == [5, *expected]


def test_sender_reports_follow_the_outgoing_clock() -> None:
    video = Video()
    first, second = video.source(1), video.source(2)
    assert video.track.clock.at(0.0) is None
    video.feed(first, packet(1, 1_000, KEY), now=10.0)
    video.track.sender_report(first, 5 << 32, 1_000, 10.0)
    at = video.track.clock.at(10.5)
    assert at is not None
    assert (at.ntp, at.timestamp) == ((5 << 32) + (1 << 31), 1_000 + 45_000)

    video.feed(second, packet(1, 900_000, KEY), now=20.0)
    assert video.track.clock.at(20.0) is None, "the old publisher's clock says nothing about the new one"
    video.track.sender_report(first, 6 << 32, 2_000, 20.0)
    assert video.track.clock.at(20.0) is None
    video.track.sender_report(second, 50 << 32, 900_000, 20.0)
    at = video.track.clock.at(20.0)
    assert at is not None and at.timestamp == 1_000 + 900_000


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 0xFFFFFFFF), st.floats(0, 1e6))
def test_sender_times_wrap_in_their_fields(ntp: int, timestamp: int, later: float) -> None:
    video = Video()
    source = video.source()
    video.feed(source, packet(1, 4_000_000_000, KEY), now=1.0)
    video.track.sender_report(source, ntp, timestamp, 1.0)
    at = video.track.clock.at(1.0 + later)
    assert at is not None and 0 <= at.ntp < 1 << 64 and 0 <= at.timestamp < 1 << 32


def test_round_trips_are_measured_from_our_own_reports() -> None:
    video = Video()
    source = video.source()
    video.feed(source, packet(1, 0, KEY), now=1.0)
    video.track.sender_report(source, 7 << 32, 0, 1.0)
    sent = video.track.clock.at(2.0)
    assert sent is not None
    middle = sent.ntp >> 16 & 0xFFFFFFFF
    trip = video.track.clock.round_trip(middle, 65_536 // 4, 2.3)
    assert trip is not None and abs(trip - 0.05) < 1e-9
    assert video.track.clock.round_trip(12_345, 0, 2.3) is None
    for i in range(200):
        video.track.clock.at(3.0 + i)
    assert video.track.clock.round_trip(middle, 0, 300.0) is None, "only the last reports are remembered"
