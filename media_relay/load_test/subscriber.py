"""A client that plays a stream: it checks what arrives, asks again for what does not, and reports."""

from __future__ import annotations

import secrets
import time
from array import array
from collections import deque
from typing import Final

from media_relay.core.packet import HEADER, MARKER
from media_relay.load_test.arrivals import Arrivals
from media_relay.load_test.client import Client
from media_relay.load_test.description import OPUS, VP8, Remote
from media_relay.load_test.first_frame import FirstFrame
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
_STAMPS: Final = 64
_NTP_EPOCH: Final = 2_208_988_800
_KINDS: Final = {OPUS: ("audio", 48_000), VP8: ("video", 90_000)}


class ReceivingClient(Client):
    """Receives one audio and one video track. Decrypts every ``every``-th packet to read its latency."""

    publishing = False

    def __init__(self, identity: DtlsIdentity, *, every: int = 1) -> None:
        super().__init__(identity)
        self._every = every
        self._length = new_length()
        self._ssrc = secrets.randbits(31) | 1
        self._report_at = 0.0
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
        self.refused = 0
        """Packets that did not decrypt."""
        self.pictures = Pictures()
        self.sound = Sound()
        self.layer: int | None = None
        """The encoding of the picture that came last, by its publisher's stamp: 0 is the only or the smallest one."""
        self.answered_at = 0.0
        self.first_media_at: float | None = None
        self._frame: FirstFrame | None = None
        self.first_frame_at: float | None = None
        """When the first keyframe was whole: a player could show a picture."""

    def accepted(self, remote: Remote) -> None:
        """The time to the first picture begins here."""
        self.answered_at = time.monotonic()

    def media(self, arrivals: Arrivals, index: int, length: int, now: float) -> None:
        """Count the packet by its header, which is in the clear; decrypt a sample."""
        start = index * SLOT
        _, second, number, timestamp, ssrc = HEADER.unpack_from(arrivals.view, start)
        track = self._by_ssrc.get(ssrc) or self._new_track(ssrc, second & 0x7F, now)
        if track is None:
            self.dropped += 1
            return
        self.packets += 1
        self.octets += length
        extended = track.receive(number, timestamp, now)
        if extended < 0:
            return
        if track is not self.tracks.get("video"):
            self.sound.receive(timestamp, now)
        elif self.pictures.lost:
            self._find_keyframe(extended, self._sample(arrivals, index, length, timestamp, ssrc))
            return
        else:
            self.pictures.receive(extended, second & MARKER != 0, now)
        if extended % self._every == 0:
            self._sample(arrivals, index, length, timestamp, ssrc)

    def _find_keyframe(self, extended: int, plain: memoryview | None) -> None:
        """Pictures begin, or go on after a loss, with a keyframe that is whole."""
        frame = self._frame = self._frame or FirstFrame()
        if plain is not None and frame.receive(extended, plain):
            self._frame = None
            now = time.monotonic()
            self.pictures.resume(frame.last, frame.came, now)
            if self.first_frame_at is None:
                self.first_frame_at = now

    def tick(self, now: float) -> None:
        """NACKs every tick, a keyframe request when a packet was given up, a receiver report every second."""
        super().tick(now)
        if self.inbound is None:
            return
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
