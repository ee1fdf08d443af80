"""A client that publishes synthetic sound and pictures."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import OrderedDict
from typing import Final

from media_relay.load_test.client import Client
from media_relay.load_test.description import Remote
from media_relay.load_test.media import AUDIO_PERIOD, Frames, MediaPlan, Packetizer
from media_relay.seams import rtcp
from media_relay.seams.dtls import DtlsIdentity

_REPORT_EVERY: Final = 1.0
_REMEMBERED: Final = 1_024
_NTP_EPOCH: Final = 2_208_988_800
_AUDIO_CLOCK: Final = 48_000
_VIDEO_CLOCK: Final = 90_000


class PublishingClient(Client):
    """Sends one Opus-like and one VP8-like stream, answers NACKs and keyframe requests, reports as a sender."""

    publishing = True

    def __init__(self, identity: DtlsIdentity, plan: MediaPlan) -> None:
        super().__init__(identity)
        self._plan = plan
        self._frames = Frames(plan)
        self._packetizers: dict[str, Packetizer] = {}
        self._sent: dict[int, OrderedDict[int, bytes]] = {}
        self._cname = secrets.token_hex(8)
        self._began: float | None = None
        self._audio_frames = 0
        self._video_frames = 0
        self._keyframe_at = 0.0
        self._report_at = 0.0
        self.packets = 0
        """Packets sent, retransmissions aside."""
        self.retransmitted = 0
        self.keyframe_requests: list[float] = []
        """When the server asked for a keyframe."""

    def accepted(self, remote: Remote) -> None:
        """Write packets with the extensions the server accepted."""
        numbers = itertools.count(1)
        for kind in ("audio", "video"):
            packetizer = Packetizer(kind, secrets.randbits(31) | 1, remote.extensions, numbers)
            self._packetizers[kind] = packetizer
            self._sent[packetizer.ssrc] = OrderedDict()

    def play(self, now: float) -> float:
        """Send the frames that are due, each in one go: an encoder hands a frame over as a whole.

        Returns when the next one is due.
        """
        if self.outbound is None or self.socket is None:
            return now + AUDIO_PERIOD
        if self._began is None:
            self._began = now
        elapsed = now - self._began
        while self._audio_frames * AUDIO_PERIOD <= elapsed:
            timestamp = int(self._audio_frames * AUDIO_PERIOD * _AUDIO_CLOCK)
            self._send_frame("audio", timestamp, [self._frames.audio()])
            self._audio_frames += 1
        while self._video_frames / self._plan.frames_per_second <= elapsed:
            timestamp = self._video_frames * _VIDEO_CLOCK // self._plan.frames_per_second
            keyframe = now >= self._keyframe_at
            if keyframe:
                self._keyframe_at = now + self._plan.keyframe_seconds
            self._send_frame("video", timestamp, self._frames.video(keyframe=keyframe))
            self._video_frames += 1
        if now >= self._report_at:
            self._report_at = now + _REPORT_EVERY
            self._report(elapsed, time.time() - (time.monotonic() - now))
        next_video = self._video_frames / self._plan.frames_per_second
        return self._began + min(self._audio_frames * AUDIO_PERIOD, next_video)

    def feedback(self, packets: list[rtcp.AnyRtcpPacket], now: float) -> None:
        """Repeat what is asked for again; the next frame is a keyframe when one is asked for."""
        for packet in packets:
            if isinstance(packet, rtcp.RtcpPsfbPacket) and rtcp.asks_keyframe(packet):
                self.keyframe_requests.append(now)
                self._keyframe_at = now
            elif isinstance(packet, rtcp.RtcpRtpfbPacket):
                sent = self._sent.get(packet.media_ssrc) or OrderedDict[int, bytes]()
                for number in rtcp.nacked(packet):
                    if number in sent:
                        self.retransmitted += 1
                        self.send(sent[number])

    def _send_frame(self, kind: str, timestamp: int, payloads: list[bytes]) -> None:
        if self.outbound is None:
            return
        packetizer = self._packetizers[kind]
        sent = self._sent[packetizer.ssrc]
        last = len(payloads) - 1
        frame = []
        for index, payload in enumerate(payloads):
            number = packetizer.sequence & 0xFFFF
            marker = index == last if kind == "video" else self._audio_frames == 0
            plain = packetizer.packet(timestamp, payload, marker=marker, sent_at=time.time_ns())
            sent[number] = self.outbound.protect(plain)
            frame.append(sent[number])
        for datagram in frame:
            self.send(datagram)
        self.packets += len(payloads)
        while len(sent) > _REMEMBERED:
            sent.popitem(last=False)

    def _report(self, elapsed: float, wall: float) -> None:
        """Sender reports of the moment ``elapsed`` seconds into the stream, which was ``wall`` in Unix time."""
        ntp = int((wall + _NTP_EPOCH) * (1 << 32))
        for kind, clock in (("audio", _AUDIO_CLOCK), ("video", _VIDEO_CLOCK)):
            p = self._packetizers[kind]
            timestamp = int(elapsed * clock) & 0xFFFFFFFF
            self.send_rtcp(rtcp.sender_report(p.ssrc, ntp, timestamp, p.packets, p.octets, self._cname))
