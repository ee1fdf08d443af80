"""A client that publishes synthetic sound and pictures."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import OrderedDict
from typing import Final

from media_relay.load_test.client import Client
from media_relay.load_test.description import LAYERS, Remote, write_offer
from media_relay.load_test.media import AUDIO_PERIOD, Frames, MediaPlan, Packetizer
from media_relay.seams import rtcp
from media_relay.seams.dtls import DtlsIdentity

_REPORT_EVERY: Final = 1.0
_REMEMBERED: Final = 1_024
_NTP_EPOCH: Final = 2_208_988_800
_AUDIO_CLOCK: Final = 48_000
_VIDEO_CLOCK: Final = 90_000


class PublishingClient(Client):
    """Sends Opus-like sound and a VP8-like picture in one layer or three.

    Answers NACKs and keyframe requests, reports as a sender.
    """

    publishing = True

    def __init__(self, identity: DtlsIdentity, plan: MediaPlan) -> None:
        super().__init__(identity)
        self._plan = plan
        self._frames = [Frames(encoding) for encoding in plan.encodings()]
        """Of each layer, the smallest first."""
        self._sound: Packetizer | None = None
        self._pictures: list[Packetizer] = []
        self._sent: dict[int, OrderedDict[int, bytes]] = {}
        self._cname = secrets.token_hex(8)
        self._began: float | None = None
        self._audio_frames = 0
        self._video_frames = 0
        self._keyframe_at = [0.0] * len(self._frames)
        self._report_at = 0.0
        self.packets = 0
        """Packets sent, retransmissions aside."""
        self.retransmitted = 0
        self.keyframe_requests: list[float] = []
        """When the server asked for a keyframe."""

    def accepted(self, remote: Remote) -> None:
        """Write packets with the extensions the server accepted."""
        numbers = itertools.count(1)
        redundant = self._plan.redundant and remote.redundant
        self._sound = Packetizer(
            "audio", secrets.randbits(31) | 1, remote.extensions, numbers, redundant=redundant
        )
        self._pictures = [
            Packetizer("video", secrets.randbits(31) | 1, remote.extensions, numbers, layer, rid)
            for layer, rid in enumerate(self._rids or ("",))
        ]
        self._sent = {p.ssrc: OrderedDict() for p in (self._sound, *self._pictures)}

    @property
    def _rids(self) -> tuple[str, ...]:
        return LAYERS if self._plan.layers > 1 else ()

    def offer(self) -> str:
        """The offer to post."""
        return write_offer(
            self._local,
            self._identity.fingerprint.value,
            publishing=True,
            rids=self._rids,
            redundant=self._plan.redundant,
        )

    def play(self, now: float) -> float:
        """Send the frames that are due, each in one go: an encoder hands a frame over as a whole.

        Returns when the next one is due.
        """
        if self.outbound is None or self.socket is None or self._sound is None:
            return now + AUDIO_PERIOD
        if self._began is None:
            self._began = now
        elapsed = now - self._began
        while self._audio_frames * AUDIO_PERIOD <= elapsed:
            timestamp = int(self._audio_frames * AUDIO_PERIOD * _AUDIO_CLOCK)
            self._send_frame(self._sound, timestamp, [self._frames[0].audio()], marks=not self._audio_frames)
            self._audio_frames += 1
        while self._video_frames / self._plan.frames_per_second <= elapsed:
            timestamp = self._video_frames * _VIDEO_CLOCK // self._plan.frames_per_second
            for layer, packetizer in enumerate(self._pictures):
                keyframe = now >= self._keyframe_at[layer]
                if keyframe:
                    self._keyframe_at[layer] = now + self._plan.keyframe_seconds
                self._send_frame(
                    packetizer, timestamp, self._frames[layer].video(keyframe=keyframe), marks=True
                )
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
                for layer, packetizer in enumerate(self._pictures):
                    if packet.media_ssrc == packetizer.ssrc:
                        self._keyframe_at[layer] = now
            elif isinstance(packet, rtcp.RtcpRtpfbPacket):
                sent = self._sent.get(packet.media_ssrc) or OrderedDict[int, bytes]()
                for number in rtcp.nacked(packet):
                    if number in sent:
                        self.retransmitted += 1
                        self.send(sent[number])

    def _send_frame(
        self, packetizer: Packetizer, timestamp: int, payloads: list[bytes], *, marks: bool
    ) -> None:
        if self.outbound is None:
            return
        sent = self._sent[packetizer.ssrc]
        last = len(payloads) - 1
        frame = []
        for index, payload in enumerate(payloads):
            number = packetizer.sequence & 0xFFFF
            marker = index == last and marks
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
        sources = [(p, _VIDEO_CLOCK) for p in self._pictures]
        if self._sound is not None:
            sources.append((self._sound, _AUDIO_CLOCK))
        for p, clock in sources:
            timestamp = int(elapsed * clock) & 0xFFFFFFFF
            self.send_rtcp(rtcp.sender_report(p.ssrc, ntp, timestamp, p.packets, p.octets, self._cname))
