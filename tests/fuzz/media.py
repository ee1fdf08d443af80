"""Fuzz targets of media: what stands in front of payloads, redundant sound, feedback on what we sent, frames on TCP."""

from __future__ import annotations

from array import array
from typing import Final

from media_relay.core import red
from media_relay.core.blocks import BlockReader
from media_relay.core.descriptors import NO_IDS, av1, picture_ids, shift_ids, vp8, vp9
from media_relay.core.feedback_reader import MAX_PACKETS, FeedbackError, read_feedback
from media_relay.core.forwarding import Batch
from media_relay.core.framing import MAX_FRAME, FrameError, FrameReader, Outbox
from media_relay.core.keyframes import starts_keyframe
from media_relay.core.layering import MAX_SPATIAL, MAX_TEMPORAL, Layering
from media_relay.core.packet import (
    EXTENSION_URIS,
    HEADER_SIZE,
    Codec,
    Extensions,
    PacketError,
    extension_table,
    payload_start,
    read_extensions,
)
from media_relay.core.queueing import Queueing
from media_relay.core.transport_log import Sent, TransportLog
from tests.fuzz.scripts import pieces

_AROUND: Final = 7
_EXTENSIONS: Final = extension_table(
    {number: int(e) for number, e in enumerate(EXTENSION_URIS.values(), start=1)}
)


def payload(data: bytes) -> None:
    """The first byte chooses the codec; the others are a payload in the middle of a larger buffer."""
    if not data:
        return
    codec = tuple(Codec)[data[0] % len(Codec)]
    end = _AROUND + len(data) - 1
    around = memoryview(bytearray(b"\xff" * _AROUND + data[1:] + b"\xff" * _AROUND))
    alone = memoryview(data)
    verdict = starts_keyframe(codec, around, _AROUND, end)
    assert verdict is starts_keyframe(codec, alone, 1, len(data)), "reads beyond its payload"
    ids = picture_ids(codec, around, _AROUND, end)
    assert ids == picture_ids(codec, alone, 1, len(data))
    assert -1 <= ids[0] < 1 << 15 and -1 <= ids[1] < 256
    for look in (vp8.temporal_layer, vp8.has_temporal_layers, vp8.begins_frame, vp9.layer):
        look(around, _AROUND, end)
    shift_ids(codec, around, _AROUND, end, 5, 3)
    assert set(around[:_AROUND]) | set(around[end:]) == {0xFF}, "writes beyond its payload"
    shifted = picture_ids(codec, around, _AROUND, end)
    assert (shifted[0] >= 0, shifted[1] >= 0) == (ids[0] >= 0, ids[1] >= 0)
    assert ids != NO_IDS or bytes(around[_AROUND:end]) == data[1:]
    shift_ids(codec, around, _AROUND, end, -5 & 0x7FFF, -3 & 0xFF)
    assert bytes(around[_AROUND:end]) == data[1:], "back again"


def dependency(data: bytes) -> None:
    """Dependency descriptors of one source, each behind its length, and what a track notes of its packets."""
    layering, known = Layering(64), None
    for slot, piece in enumerate(pieces(data)):
        descriptor = piece[:255]
        found = av1.read(descriptor, known)
        if found is not None:
            known = found.structure
            assert 0 <= found.spatial < 64 and 0 <= found.temporal < 64
            assert len(known.layers) <= 64
        view = memoryview(piece)
        codec = (Codec.VP8, Codec.VP9, Codec.AV1)[slot % 3]
        layering.note(slot % 64, codec, view, 0, len(piece), descriptor, float(slot))
    spatial, temporal = layering.layers()
    assert 1 <= spatial <= MAX_SPATIAL and 1 <= temporal <= MAX_TEMPORAL


def blocks(data: bytes) -> None:
    """Packets of one publisher, each behind its length: the quick reader says what the careful one says."""
    reader = BlockReader(_EXTENSIONS)
    for packet in pieces(data):
        if len(packet) < HEADER_SIZE:
            continue
        # As in the receive buffer, where the next slot follows.
        view, end = memoryview(packet + bytes(16)), len(packet)
        careful = Extensions()
        try:
            at = payload_start(view, 0, end)
            if packet[0] & 0x10:
                at = read_extensions(view, at, end, _EXTENSIONS, careful)
        except PacketError:
            try:
                reader.read(view, 0, end)
            except PacketError:
                continue
            raise AssertionError("the quick reader takes what is malformed") from None
        quick_at, quick = reader.read(view, 0, end)
        assert quick_at == at
        for name in Extensions.__slots__:
            assert getattr(quick, name) == getattr(careful, name), name


def redundant(data: bytes) -> None:
    """A payload of redundant sound."""
    view = memoryview(data)
    try:
        opened = red.unpack(view, 0, len(data))
    except PacketError:
        return
    assert 0 < opened.primary <= len(data) and len(opened.redundant) <= 8
    assert all(0 < b.start <= b.end <= opened.primary and b.offset < 1 << 14 for b in opened.redundant)
    assert red.single(view, 0, len(data)) == (opened.primary if len(opened.redundant) == 1 else -1)
    packed = red.pack(111, 960, view[opened.primary :], view)
    if packed is not None:
        again = red.unpack(memoryview(packed), 0, len(packed))
        assert packed[again.primary :] == data and len(again.redundant) == 1


def feedback(data: bytes) -> None:
    """A subscriber's messages on what it was sent, each behind its length; between two of them more is sent."""
    log, queueing, now = TransportLog(), Queueing(), 1_000.0
    for fci in pieces(data):
        now += 0.05
        for ssrc, count in ((7, 9), (8, 1)):
            numbers = array("H", [(log.next + n) & 0xFFFF for n in range(count)])
            log.note(Sent.of(Batch(ssrc, numbers, 1_200 * count), now))
        try:
            message = read_feedback(fci)
        except FeedbackError:
            continue
        assert len(message.arrivals) <= MAX_PACKETS
        before = log.acknowledged
        digest = log.acknowledge(message)
        assert before <= log.acknowledged <= log.next, "speaks of what was never sent"
        if digest is not None:
            assert 0 <= digest.lost <= digest.packets <= MAX_PACKETS
            queueing.take(digest, now)
            assert 0 <= queueing.loss <= 1 and queueing.delivered() >= 0 and queueing.delay >= 0


def frames(data: bytes) -> None:
    """What a connection brings, in portions of one to 255 bytes by the first byte."""
    whole, reader = FrameReader(), FrameReader()
    step = max(1, data[0]) if data else 1
    packets: list[bytes] = []
    try:
        for at in range(1, len(data), step):
            packets += reader.feed(data[at : at + step])
    except FrameError:
        return
    assert packets == whole.feed(data[1:]), "portions change nothing"
    assert all(0 < len(packet) <= MAX_FRAME for packet in packets)
    outbox = Outbox()
    for number, packet in enumerate(packets):
        outbox.put(packet, number / 10, picture=bool(packet[0] & 1))
    sent, back = b"", FrameReader()
    while chunk := outbox.next(len(packets) / 10):
        sent += chunk
        outbox.sent(len(chunk))
    assert len(back.feed(sent)) + outbox.dropped == len(packets)
