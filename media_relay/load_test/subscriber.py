"""A client that plays a stream: it checks what arrives, asks again for what does not, and reports."""

from __future__ import annotations

import secrets
import struct
import time
from array import array
from collections import deque
from typing import Final

from media_relay.core.packet import HEADER, HEADER_SIZE, MARKER, TRANSPORT_ELEMENT
from media_relay.core.transport_feedback import TransportFeedback
from media_relay.load_test.arrivals import Arrivals
from media_relay.load_test.client import Client
from media_relay.load_test.description import (
    EXTENSIONS,
    OPUS,
    RED,
    RTX,
    TRANSPORT_SEQUENCE,
    VP8,
    Remote,
    write_offer,
)
from media_relay.load_test.first_frame import FirstFrame, payload_at
from media_relay.load_test.media import read_stamp
from media_relay.load_test.playout import Pictures, Sound
from media_relay.load_test.reception import ReceivedTrack
from media_relay.seams import rtcp
from media_relay.seams.datagrams import SLOT
from media_relay.seams.dtls import DtlsIdentity
from media_relay.seams.srtp import new_length, unprotect_rtp

_REPORT_EVERY: Final = 1.0
_ASK_EVERY: Final = 1.0
"""Seconds between two requests for a keyframe, while a picture stands still for want of one."""
_FEEDBACK_EVERY: Final = 0.1
"""Seconds between two transport-wide feedback messages, as in browsers."""
_STAMPS: Final = 64
_NTP_EPOCH: Final = 2_208_988_800
_NUMBER_ELEMENT: Final = next(i for i, uri in EXTENSIONS.items() if uri == TRANSPORT_SEQUENCE) << 4 | 1
_LOOK: Final = struct.Struct(f"!BBHII{TRANSPORT_ELEMENT - HEADER_SIZE}xBH")
"""An RTP header and, behind the head of its extensions, the first: our relay puts the transport-wide number there."""
_ORDINARY: Final = 0x90
"""First byte of a packet with extensions and without padding or CSRCs."""
_EXTENDED: Final = 0x10
_PADDED: Final = 0x20
_SOUND_TICKS: Final = 960
"""Timestamp units between two packets of sound: 20 ms."""
_KINDS: Final = {OPUS: ("audio", 48_000), RED: ("audio", 48_000), VP8: ("video", 90_000)}


class ReceivingClient(Client):
    """Receives one audio and one video track. Decrypts every ``every``-th packet to read its latency.

    ``redundant``: it takes sound that repeats itself, which repairs what is lost of it.
    """

    publishing = False

    def __init__(self, identity: DtlsIdentity, *, every: int = 1, redundant: bool = False) -> None:
        super().__init__(identity)
        self._every = every
        self._redundant = redundant
        self._length = new_length()
        self._ssrc = secrets.randbits(31) | 1
        self._report_at = 0.0
        self._feedback_at = 0.0
        self._arrived: TransportFeedback | None = None
        self._gave_up = 0
        self._ask_at = float("inf")
        self._by_ssrc: dict[int, ReceivedTrack] = {}
        self.tracks: dict[str, ReceivedTrack] = {}
        """By kind."""
        self.sender_reports: dict[str, rtcp.RtcpSrPacket] = {}
        """The newest sender report by kind."""
        self.latencies = array("d")
        """Milliseconds from the publisher's call to the arrival in the kernel, of the packets decrypted."""
        self._stamps: dict[int, deque[tuple[int, int]]] = {}
        self.packets = 0
        self.octets = 0
        self.repeated = 0
        """Packets of sound that came with the one before them inside."""
        self.refused = 0
        """Packets that did not decrypt."""
        self.pictures = Pictures()
        self.sound = Sound()
        self.layer: int | None = None
        """The encoding of the picture that came last, by its publisher's stamp: 0 is the only or the smallest one."""
        self.feedbacks = 0
        """Messages of transport-wide feedback sent: none where the server does not number its packets."""
        self.answered_at = 0.0
        self.first_media_at: float | None = None
        self._frame: FirstFrame | None = None
        self.first_frame_at: float | None = None
        """When the first keyframe was whole: a player could show a picture."""

    def offer(self) -> str:
        """The offer to post."""
        fingerprint = self._identity.fingerprint.value
        return write_offer(self._local, fingerprint, publishing=False, redundant=self._redundant)

    def accepted(self, remote: Remote) -> None:
        """The time to the first picture begins here."""
        self.answered_at = time.monotonic()
        if TRANSPORT_SEQUENCE in remote.extensions:
            self._arrived = TransportFeedback()

    def run(self, arrivals: Arrivals, index: int, lengths: list[int], now: float) -> int:
        """What :meth:`media` does with each, for the packets of a frame that came as they were sent."""
        view, look, arrived = arrivals.view, _LOOK.unpack_from, self._arrived
        first, second, number, timestamp, ssrc, element, transport = look(view, index * SLOT)
        track, kind = self._by_ssrc.get(ssrc), second & ~MARKER
        is_video = track is self.tracks.get("video")
        if track is None or arrived is None or kind == RTX or (is_video and self.pictures.lost):
            return 0
        expected, stop = track.highest + 1 & 0xFFFF, len(lengths)
        timestamps: list[int] = []
        transports: list[int] = []
        ends: list[int | None] = []
        at, frames, before = index, 0, -1
        while (
            (first, second & ~MARKER, number, ssrc, element)
            == (_ORDINARY, kind, expected, track.ssrc, _NUMBER_ELEMENT)
            and lengths[at] >= _LOOK.size
        ):  # fmt: skip
            timestamps.append(timestamp)
            transports.append(transport)
            ends.append(timestamp if second & MARKER else None)
            frames += timestamp != before
            before, expected, at = timestamp, expected + 1 & 0xFFFF, at + 1
            if at == stop:
                break
            first, second, number, timestamp, ssrc, element, transport = look(view, at * SLOT)
        if at > index:
            times = [arrivals.heard_at(i) for i in range(index, at)]
            arrived.receive_run(transports, [arrivals.arrived_at(i) / 1e9 for i in range(index, at)])
            self._take_run(arrivals, index, lengths, track.receive_run(timestamps, frames, now), timestamps)
            if is_video:
                self.pictures.receive_run(track.highest + 1 - len(ends), ends, times)
            else:
                self.repeated += len(ends) if kind == RED else 0
                for stamp, heard_at in zip(timestamps, times, strict=True):
                    self.sound.receive(stamp, heard_at)
        return at - index

    def _take_run(
        self, arrivals: Arrivals, index: int, lengths: list[int], extended: int, timestamps: list[int]
    ) -> None:
        """Count the packets of a run that begins with this number, and decrypt a sample."""
        count, every = len(timestamps), self._every
        self.packets += count
        self.octets += sum(lengths[index : index + count])
        for at in range(-extended % every, count, every):
            ssrc = int.from_bytes(arrivals.view[(index + at) * SLOT + 8 : (index + at) * SLOT + 12], "big")
            self._sample(arrivals, index + at, lengths[index + at], timestamps[at], ssrc)

    def media(self, arrivals: Arrivals, index: int, length: int, now: float) -> None:
        """Count the packet by its header, which is in the clear; decrypt a sample."""
        start = index * SLOT
        first, second, number, timestamp, ssrc = HEADER.unpack_from(arrivals.view, start)
        if self._arrived is not None and first & _EXTENDED:
            transport = _transport_number(arrivals.view, start)
            if transport >= 0:
                self._arrived.receive(transport, arrivals.arrived_at(index) / 1e9)
        if second & 0x7F == RTX:
            self._repair(arrivals, index, length, now)
            return
        track = self._by_ssrc.get(ssrc) or self._new_track(ssrc, second & 0x7F, now)
        if track is None:
            self.dropped += 1
            return
        self.packets += 1
        self.octets += length
        extended = track.receive(number, timestamp, now)
        if extended < 0:
            return
        heard_at = arrivals.heard_at(index)
        if track is not self.tracks.get("video"):
            self.sound.receive(timestamp, heard_at)
            if second & 0x7F == RED:
                self._take_former(track, number, timestamp, heard_at, now)
        elif self.pictures.lost:
            self._find_keyframe(extended, self._sample(arrivals, index, length, timestamp, ssrc), heard_at)
            return
        else:
            self.pictures.receive(extended, timestamp if second & MARKER else None, heard_at)
        if extended % self._every == 0:
            self._sample(arrivals, index, length, timestamp, ssrc)

    def _take_former(
        self, track: ReceivedTrack, number: int, timestamp: int, heard_at: float, now: float
    ) -> None:
        """What was lost just before a packet of redundant sound is in that."""
        self.repeated += 1
        former = (timestamp - _SOUND_TICKS) & 0xFFFFFFFF
        if (
            track.highest - 1 in track.missing
            and track.receive(number - 1 & 0xFFFF, former, now, repaired=True) >= 0
        ):
            self.sound.receive(former, heard_at)

    def _find_keyframe(self, extended: int, plain: memoryview | None, heard_at: float) -> None:
        """Pictures begin, or go on after a loss, with a keyframe that is whole."""
        frame = self._frame = self._frame or FirstFrame()
        if plain is not None and frame.receive(extended, plain):
            self._frame = None
            self.pictures.resume(frame.last, frame.came, heard_at)
            if self.first_frame_at is None:
                self.first_frame_at = heard_at

    def _repair(self, arrivals: Arrivals, index: int, length: int, now: float) -> None:
        """Take a retransmission for the packet that it repeats (RFC 4588 section 4); padding repeats nothing."""
        track, start, view = self.tracks.get("video"), index * SLOT, arrivals.view
        if self.inbound is None or track is None or view[start] & _PADDED:
            return
        self._length[0] = length
        if unprotect_rtp(self.inbound.context, arrivals.slots[index], self._length):
            self.refused += 1
            return
        plain = view[start : start + self._length[0]]
        payload = payload_at(plain)
        original = int.from_bytes(plain[payload : payload + 2], "big")
        self.packets += 1
        self.octets += length
        timestamp = HEADER.unpack_from(plain)[3]
        extended = track.receive(original, timestamp, now, repaired=True)
        if extended < 0:
            return
        heard_at = arrivals.heard_at(index)
        if self.pictures.lost:
            restored = memoryview(bytes(plain[:payload]) + bytes(plain[payload + 2 :]))
            self._find_keyframe(extended, restored, heard_at)
        else:
            self.pictures.receive(extended, timestamp if plain[1] & MARKER else None, heard_at)

    def tick(self, now: float) -> None:
        """NACKs every tick, a keyframe request when a packet was given up, feedback, a receiver report every second."""
        super().tick(now)
        if self.inbound is None:
            return
        if (
            self._arrived is not None
            and now >= self._feedback_at
            and (fci := self._arrived.build()) is not None
        ):
            self._feedback_at = now + _FEEDBACK_EVERY
            media = next(iter(self._by_ssrc), 0)
            self.send_rtcp(rtcp.transport_feedback(self._ssrc, media, fci))
            self.feedbacks += 1
        for track in self.tracks.values():
            lost = track.nacks.due(now)
            if lost:
                numbers = [n & 0xFFFF for n in lost]
                self._send_feedback(rtcp.nack(self._ssrc, track.ssrc, numbers))
        video = self.tracks.get("video")
        if video is not None and video.nacks.gave_up > self._gave_up:
            self._gave_up = video.nacks.gave_up
            self.pictures.give_up()
            self._ask_at = now
        if self.pictures.lost and now >= self._ask_at:
            self._ask_at = now + _ASK_EVERY
            self.ask_keyframe()
        if now >= self._report_at:
            self._report_at = now + _REPORT_EVERY
            blocks = [b for t in self.tracks.values() if (b := t.reception.report(t.ssrc, now)) is not None]
            self.send_rtcp(rtcp.receiver_report(self._ssrc, blocks))

    def feedback(self, packets: list[rtcp.AnyRtcpPacket], now: float) -> None:
        """Remember the sender reports, from which lip sync is computed (RFC 3550 section 6.4.1)."""
        for packet in packets:
            if isinstance(packet, rtcp.RtcpSrPacket):
                for kind, track in self.tracks.items():
                    if track.ssrc == packet.ssrc:
                        self.sender_reports[kind] = packet

    def ask_keyframe(self) -> None:
        """Send a picture loss indication."""
        video = self.tracks.get("video")
        if video is not None:
            self._send_feedback(rtcp.keyframe_request(self._ssrc, video.ssrc))

    def lip_sync_ms(self) -> float | None:
        """By how much the sound would be played after the picture it belongs to; ``None`` when not yet known.

        A player lays both on one clock by their sender reports. What that clock says of each packet is compared with
        the time at which it was really sent, of each kind the packet that was sent with the least delay.
        """
        late = {}
        for kind, report in self.sender_reports.items():
            stamps = self._stamps.get(report.ssrc)
            if not stamps:
                return None
            clock_rate = 48_000 if kind == "audio" else 90_000
            info = report.sender_info
            reported_at = info.ntp_timestamp / (1 << 32) - _NTP_EPOCH
            ahead = [(_signed(t - info.rtp_timestamp) / clock_rate, sent_at / 1e9) for t, sent_at in stamps]
            late[kind] = min(sent_at - reported_at - elapsed for elapsed, sent_at in ahead)
        return (late["video"] - late["audio"]) * 1e3 if len(late) == 2 else None

    def _new_track(self, ssrc: int, payload_type: int, now: float) -> ReceivedTrack | None:
        """The offer has one payload type a kind, so it tells the kind."""
        kind, clock_rate = _KINDS.get(payload_type, ("", 0))
        if not kind:
            return None
        if self.first_media_at is None:
            self.first_media_at = now
        track = self._by_ssrc[ssrc] = self.tracks[kind] = ReceivedTrack(ssrc, clock_rate)
        return track

    def _sample(
        self, arrivals: Arrivals, index: int, length: int, timestamp: int, ssrc: int
    ) -> memoryview | None:
        """Decrypt a packet and note its latency; returns it, if it is authentic."""
        if self.inbound is None:
            return None
        size = self._length
        size[0] = length
        if unprotect_rtp(self.inbound.context, arrivals.slots[index], size):
            self.refused += 1
            return None
        start = index * SLOT
        plain = arrivals.view[start : start + size[0]]
        stamp = read_stamp(plain)
        if stamp is not None:
            sent_at, layer = stamp
            if layer is not None:
                self.layer = layer
            self.latencies.append((arrivals.arrived_at(index) - sent_at) / 1e6)
            stamps = self._stamps.setdefault(ssrc, deque(maxlen=_STAMPS))
            if not stamps or stamps[-1][0] != timestamp:
                stamps.append((timestamp, sent_at))
        return plain

    def _send_feedback(self, feedback: bytes) -> None:
        self.send_rtcp(rtcp.receiver_report(self._ssrc, []) + feedback)


def _signed(difference: int) -> int:
    """The distance of two 32-bit timestamps."""
    return ((difference + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def _transport_number(view: memoryview, start: int) -> int:
    """The transport-wide number of the packet at ``start`` in one-byte extensions (RFC 8285), or -1.

    Extensions are in the clear. Our relay puts it first.
    """
    position = start + 16 + 4 * (view[start] & 0x0F)
    stop = position + 4 * (view[position - 2] << 8 | view[position - 1])
    while position < min(stop, start + SLOT - 2):
        first = view[position]
        if first == _NUMBER_ELEMENT:
            return view[position + 1] << 8 | view[position + 2]
        position += (first & 0x0F) + 2 if first else 1
    return -1
