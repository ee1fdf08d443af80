"""Packets on a stream of bytes: whole whatever the pieces, bounded whatever waits, sound before pictures."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.framing import (
    CHUNK,
    MAX_FRAME,
    OTHER_AGE,
    OTHER_BYTES,
    PICTURES_AGE,
    PICTURES_BYTES,
    FrameError,
    FrameReader,
    Outbox,
)


def framed(*packets: bytes) -> bytes:
    return b"".join(len(p).to_bytes(2, "big") + p for p in packets)


def sent(outbox: Outbox, now: float, step: int = 1 << 20) -> list[bytes]:
    """Everything that goes out now, through a connection that takes ``step`` bytes at a time."""
    reader = FrameReader()
    packets: list[bytes] = []
    while chunk := outbox.next(now):
        taken = chunk[:step]
        packets += reader.feed(taken)
        outbox.sent(len(taken))
    return packets


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(1, 97))
def test_packets_come_out_whole_whatever_the_pieces(packets: list[bytes], step: int) -> None:
    stream = framed(*packets)
    reader = FrameReader()
    found: list[bytes] = []
    for start in range(0, len(stream), step):
        found += reader.feed(stream[start : start + step])
    assert found == [p for p in packets if p], "empty ones mean nothing"


@given(st.binary(max_size=4_096))
def test_noise_is_cut_into_packets_or_refused(noise: bytes) -> None:
    try:
        packets = FrameReader().feed(noise)
    except FrameError:
        return
    assert sum(len(p) + 2 for p in packets) <= len(noise)


def test_a_length_beyond_reason_is_refused_before_its_packet_comes() -> None:
    reader = FrameReader()
    assert reader.feed(framed(b"x" * MAX_FRAME)) == [b"x" * MAX_FRAME]
    with pytest.raises(FrameError):
        reader.feed((MAX_FRAME + 1).to_bytes(2, "big"))
    with pytest.raises(FrameError):
        FrameReader().feed(b"GET / HTTP/1.1\r\n")


def test_sound_goes_before_pictures_that_wait_and_each_kind_keeps_its_order() -> None:
    outbox = Outbox()
    pictures = [b"picture %03d" % n * 100 for n in range(30)]
    for packet in pictures:
        outbox.put(packet, 0.0, picture=True)
    first = outbox.next(0.0)
    assert len(first) <= CHUNK + 1_200
    outbox.sent(100)  # in the middle of a packet
    outbox.put(b"sound", 0.1, picture=False)
    got = FrameReader().feed(first[:100] + b"".join(iter_chunks(outbox)))
    assert [p for p in got if p != b"sound"] == pictures
    assert got.index(b"sound") <= CHUNK // 1_100 + 1, "behind what was begun, before all the rest"
    assert outbox.dropped == 0


def iter_chunks(outbox: Outbox) -> list[bytes]:
    chunks = []
    while chunk := outbox.next(0.2):
        chunks.append(chunk[:777])
        outbox.sent(len(chunks[-1]))
    return chunks


def test_what_waits_is_bounded_pictures_first() -> None:
    outbox = Outbox()
    for _ in range(1_000):
        outbox.put(bytes(1_200), 0.0, picture=True)
        outbox.put(bytes(160), 0.0, picture=False)
    assert outbox.waiting <= PICTURES_BYTES + OTHER_BYTES
    got = sent(outbox, 0.0)
    assert outbox.dropped == 2_000 - len(got)
    assert sum(len(p) == 160 for p in got) == OTHER_BYTES // 162
    assert sum(len(p) == 1_200 for p in got) == PICTURES_BYTES // 1_202


def test_what_waited_too_long_is_not_sent_any_more() -> None:
    outbox = Outbox()
    outbox.put(b"old picture", 0.0, picture=True)
    outbox.put(b"old sound", 0.0, picture=False)
    outbox.put(b"picture", 1.0, picture=True)
    assert sent(outbox, PICTURES_AGE + 0.5) == [b"old sound", b"picture"]
    outbox.put(b"older sound", 0.0, picture=False)
    assert sent(outbox, OTHER_AGE + 0.1) == []
    assert outbox.dropped == 2
    assert outbox.waiting == 0


def test_a_slow_connection_hears_everything_and_sees_what_fits() -> None:
    """A minute at 300 kbit/s of a lesson of 2.6 Mbit/s: sound without a gap, and never late by more than a picture."""
    link = random.Random(5)
    outbox, reader = Outbox(), FrameReader()
    sounds: list[float] = []
    pictures = 0
    now = owed = 0.0
    for tick in range(3_000):
        now = tick * 0.020
        outbox.put(b"s" + tick.to_bytes(4, "big") + bytes(155), now, picture=False)
        for _ in range(5):
            outbox.put(b"p" + bytes(1_250), now, picture=True)
        owed += 300_000 / 8 * 0.020 * link.uniform(0.5, 1.5)
        while owed > 0 and (chunk := outbox.next(now)):
            taken = chunk[: int(owed) + 1]
            outbox.sent(len(taken))
            owed -= len(taken)
            for packet in reader.feed(taken):
                if packet[0] == ord("s"):
                    assert int.from_bytes(packet[1:5], "big") == len(sounds), "in order, none missing"
                    sounds.append(now - len(sounds) * 0.020)
                else:
                    pictures += 1
    assert len(sounds) > 2_970
    assert max(sounds) < 0.8, "what is under way already goes first: 16 KB at 300 kbit/s"
    assert 200 < pictures < 60 * 300_000 / 8 / 1_250
    assert outbox.dropped > 10_000
    assert outbox.waiting <= PICTURES_BYTES + OTHER_BYTES + CHUNK
