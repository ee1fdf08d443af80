"""A client that publishes a stream."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from typing import Final

from media_relay.core import red
from media_relay.core.allowance import Allowance
from media_relay.core.bandwidth import UploadEstimate
from media_relay.core.blocks import BlockReader
from media_relay.core.packet import (
    HEADER,
    HEADER_SIZE,
    MARKER,
    Codec,
    Extension,
    Extensions,
    PacketError,
    extension_table,
)
from media_relay.core.speech import Voice
from media_relay.core.track import Source, Track
from media_relay.core.transport_feedback import TransportFeedback
from media_relay.counters import Counters
from media_relay.peer import Peer
from media_relay.sdp import Offer
from media_relay.seams import rtcp
from media_relay.seams.datagrams import Sender
from media_relay.seams.dtls import DtlsIdentity
from media_relay.seams.known import Followed, Known, Opened
from media_relay.stream import Stream

_LOCAL_SSRC: Final = 1
"""The SSRC of our reports to publishers; we send no media there, so any number does."""
_EMPTY_REPORT: Final = rtcp.receiver_report(_LOCAL_SSRC, [])
_MAX_SOURCES: Final = 12
_VERSION: Final = 0x80
_PADDING: Final = 0x20
_NOTHING: Final = Extensions()
"""Of a packet that came inside another one."""
_CHANGES_RATE: Final = 0.5
"""Sources beyond those that are taken a second, each in the place of one that was superseded."""
_MOST_PACKETS: Final = 2_000
_PACKETS_PER_TICK: Final = 100
"""5,000 packets a second are 50 Mbit/s: ten times what a lesson with three layers and a shared board sends."""


class Publisher(Peer):
    """Sends sound and a picture, in up to three layers, into a stream."""

    def __init__(
        self,
        session: str,
        stream: Stream,
        offer: Offer,
        identity: DtlsIdentity,
        sender: Sender,
        counters: Counters,
        now: float,
    ) -> None:
        super().__init__(session, offer, identity, sender, counters, now)
        self.stream = stream
        self.started = False
        """Whether media arrived."""
        self.voice: Voice | None = None
        """What is heard of it since then, if it offered sound."""
        self.left = array("i", [_MOST_PACKETS])
        """How many packets it may send just now; the kernel counts there too."""
        self._changes = Allowance(_CHANGES_RATE, 1)
        self._sources: dict[int, tuple[Track, Source]] = {}
        self._codecs: dict[str, dict[int, Codec]] = {
            s.kind: {p.number: p.codec for p in s.payloads()} for s in offer.accepted
        }
        self._redundant = {p.number for s in offer.accepted for p in s.payloads() if p.codec is Codec.RED}
        self._repairs = {
            p.repair: (s.kind, p.number) for s in offer.accepted for p in s.payloads() if p.repair
        }
        self._repair_ssrcs: dict[int, bytes] = {}
        """The RID that each stream of retransmissions repairs, empty without layers."""
        rids = [rid for s in offer.accepted for rid in s.layers()]
        renditions = stream.lay_out(max(1, len(rids)))
        self._layers = {rid.encode(): r.track for rid, r in zip(rids, renditions, strict=False)}
        """The tracks of layers by RID; empty for a publisher of one layer."""
        extensions = {number: int(e) for s in offer.accepted for number, e in s.known_extensions().items()}
        self._blocks = BlockReader(extension_table(extensions))
        feedback = {f for s in offer.accepted for p in s.payloads() for f in p.feedback}
        transport_wide = Extension.TRANSPORT_SEQUENCE in extensions.values() and "transport-cc" in feedback
        self._feedback = TransportFeedback() if transport_wide else None
        self._estimate = UploadEstimate() if not transport_wide and "goog-remb" in feedback else None

    def rtp(self, view: memoryview, start: int, end: int, now: float, arrival: float) -> bool:
        """Take one plain RTP packet; false when it was dropped. Raises ``PacketError``.

        ``arrival`` is the time for transport-wide feedback, on a clock of its own.
        """
        first, second, _, _, ssrc = HEADER.unpack_from(view, start)
        repair = self._repairs.get(second & 0x7F)
        payload, found = self._blocks.read(view, start, end)
        if found.transport_sequence >= 0 and self._feedback is not None:
            self._feedback.receive(found.transport_sequence, arrival)
        if first & 0x20 and not 0 < view[end - 1] <= end - payload:
            raise PacketError("RTP padding is longer than its packet")
        if repair is not None:
            return self._repair(view, start, end, payload, found, now)
        known = self._sources.get(ssrc) or self._new_source(ssrc, second & 0x7F, found, now)
        if known is None:
            return False
        track, source = known
        if view[start + 1] & 0x7F in self._redundant:
            payload = self._open(track, source, view, start, end, payload, now)
        taken = track.ingest(source, view, start, end, payload, found, now)
        if taken and not track.is_video and self.voice is not None:
            self.voice.hear(found.audio_level, now)
        return taken

    def take_run(self, track: Track, source: Source, opened: Opened, now: float) -> None:
        """Take packets that the kernel opened and stored: the same effects as :meth:`rtp`'s, for each of them.

        Called for every source that sent something since the last wake-up: hence few calls, and no new objects.
        """
        counters = self._counters
        counters.packets_received += opened.taken
        counters.bytes_received += opened.received
        self.heard_at = now
        if self._feedback is not None and opened.numbers:
            self._feedback.receive_run(opened.numbers, opened.arrivals)
        track.take_run(source, opened.run, now)
        if not track.is_video and self.voice is not None:
            for level in opened.levels:
                self.voice.hear(level, now)

    def is_repair(self, view: memoryview, start: int) -> bool:
        """Whether the packet, as it came, repeats another: what comes next looks like that one."""
        return view[start + 1] & 0x7F in self._repairs

    def follow(self, known: Known, name: bytes, view: memoryview, start: int) -> None:
        """After :meth:`rtp` took the packet: the kernel may take the next ones, if they look like it."""
        first, second, _, _, ssrc = HEADER.unpack_from(view, start)
        found = self._sources.get(ssrc)
        if found is None or self.inbound is None:
            return
        plain = not first & _PADDING and second & 0x7F not in self._redundant
        pattern = self._blocks.pattern(view, start) if plain else None
        context, tag = self.inbound.context, self.inbound.tag
        known.follow(self, name, context, tag, *found, second & 0x7F, pattern)
        self.expect()

    def expect(self) -> None:
        """Tell the kernel what comes next of each source, whenever anything but the kernel changed that."""
        for _, source in self._sources.values():
            if isinstance(source.handle, Followed):
                source.handle.expect()

    def unfollow(self, name: bytes) -> None:
        """What comes from this address is its no more."""
        for _, source in self._sources.values():
            if isinstance(source.handle, Followed) and source.handle.name == name:
                source.handle.drop()

    def _repair(
        self, view: memoryview, start: int, end: int, payload: int, found: Extensions, now: float
    ) -> bool:
        """Take a retransmission (RFC 4588) as the packet that it repeats."""
        first, second, _, _, ssrc = HEADER.unpack_from(view, start)
        kind, payload_type = self._repairs[second & 0x7F]
        known = self._repaired_source(ssrc, kind, found)
        # What is too short for a number is padding, to probe the link.
        if known is None or end - payload < 2 + (view[end - 1] if first & 0x20 else 0):
            return False
        track, source = known
        _restore(view, start, payload, source.ssrc, payload_type)
        taken = track.ingest(source, view, start, end, payload + 2, found, now, repaired=True)
        if taken:
            self.figures.repaired += 1
            if not track.is_video and self.voice is not None:
                self.voice.hear(found.audio_level, now)
        return taken

    def _open(
        self, track: Track, source: Source, view: memoryview, start: int, end: int, payload: int, now: float
    ) -> int:
        """Take from redundant sound what is missing, and make the packet an ordinary one; where its payload begins."""
        last = end - view[end - 1] if view[start] & _PADDING else end
        codecs = source.codecs
        primary = red.single(view, payload, last)
        if primary >= 0 and track.expects(source, view[start + 2] << 8 | view[start + 3]):
            payload_type = view[payload + red.OVERHEAD - 1]
            if codecs.get(payload_type) is Codec.OPUS:
                view[start + 1] = view[start + 1] & MARKER | payload_type
                return primary
        opened = red.unpack(view, payload, last)
        if codecs.get(opened.payload_type) is not Codec.OPUS:
            raise PacketError("redundant sound of something else than Opus")
        first, second, number, timestamp, ssrc = HEADER.unpack_from(view, start)
        for back, block in zip(range(len(opened.redundant), 0, -1), opened.redundant, strict=True):
            known = block.start < block.end and codecs.get(block.payload_type) is Codec.OPUS
            if known and track.lacks(source, number - back & 0xFFFF):
                packet = bytearray(HEADER_SIZE)
                HEADER.pack_into(
                    packet, 0, _VERSION, block.payload_type, number - back & 0xFFFF,
                    timestamp - block.offset & 0xFFFFFFFF, ssrc,
                )  # fmt: skip
                packet += view[block.start : block.end]
                whole = memoryview(packet)
                if track.ingest(source, whole, 0, len(packet), HEADER_SIZE, _NOTHING, now, repaired=True):
                    self.figures.repaired += 1
        view[start + 1] = second & MARKER | opened.payload_type
        return opened.primary

    @property
    def video_codecs(self) -> set[Codec]:
        """The codecs that its pictures may have."""
        return set(self._codecs.get("video", {}).values())

    @property
    def sources(self) -> Collection[tuple[Track, Source]]:
        """What it sends, each with the layer it is."""
        return self._sources.values()

    def start(self, now: float) -> None:
        """Media has begun to arrive."""
        self.started = True
        if "audio" in self._codecs:
            self.voice = Voice(now)

    def _repaired_source(self, ssrc: int, kind: str, found: Extensions) -> tuple[Track, Source] | None:
        """The source that a retransmission stream repairs: the one that sends this kind, or this layer, now."""
        rid = self._repair_ssrcs.get(ssrc)
        if rid is None:
            layered = kind == "video" and self._layers
            if len(self._repair_ssrcs) >= _MAX_SOURCES or (layered and found.stream_id not in self._layers):
                self._forget(ssrc)
                return None
            rid = self._repair_ssrcs[ssrc] = found.stream_id if layered else b""
        track = self._track(kind, rid)
        return next((known for known in self._sources.values() if known[1] is track.source), None)

    def _new_source(
        self, ssrc: int, payload_type: int, found: Extensions, now: float
    ) -> tuple[Track, Source] | None:
        """Bundled payload types belong to one section (RFC 8843 section 10.1.2), so they tell the kind.

        Which layer it is the RID tells (RFC 8852), which comes with every packet until we report on its source.
        """
        kind = next((k for k, codecs in self._codecs.items() if payload_type in codecs), None)
        layered = kind == "video" and self._layers
        if kind is None or (layered and found.stream_id not in self._layers) or not self._has_room(now):
            self._forget(ssrc)
            return None
        track = self._track(kind, found.stream_id if layered else b"")
        source = Source(ssrc, self._codecs[kind], track.clock_rate)
        self._sources[ssrc] = track, source
        self.stream.new_source(track)
        return track, source

    def _has_room(self, now: float) -> bool:
        """Whether one more source may be taken; a superseded one may have to go for it, as long as that is rare."""
        if len(self._sources) < _MAX_SOURCES:
            return True
        former = next((ssrc for ssrc, (track, s) in self._sources.items() if track.source is not s), None)
        if former is None or not self._changes.take(1, now):
            return False
        handle = self._sources.pop(former)[1].handle
        if isinstance(handle, Followed):
            handle.drop()
        self._forget(former)
        return True

    def may_send(self) -> bool:
        """Whether it has sent no more than anybody needs to; to be asked for every authentic packet."""
        self.left[0] -= 1
        return self.left[0] >= 0

    def tick(self) -> None:
        """Another 20 ms have passed."""
        self.left[0] = min(_MOST_PACKETS, max(0, self.left[0]) + _PACKETS_PER_TICK)

    def _track(self, kind: str, rid: bytes) -> Track:
        return self._layers[rid] if rid else self.stream.layers[kind].full

    def _forget(self, ssrc: int) -> None:
        """A client that makes up sources must not fill libsrtp's memory."""
        if self.inbound is not None:
            self.inbound.forget(ssrc)

    def rtcp(self, packets: list[rtcp.AnyRtcpPacket], now: float) -> None:
        """Act on the reports of the client."""
        for packet in packets:
            if isinstance(packet, rtcp.RtcpSrPacket) and packet.ssrc in self._sources:
                track, source = self._sources[packet.ssrc]
                info = packet.sender_info
                track.sender_report(source, info.ntp_timestamp, info.rtp_timestamp, now)

    def ask_again(self, now: float) -> None:
        """Send NACKs and keyframe requests that are due."""
        for track, source in self._sources.values():
            if source.nacks.missing and (lost := source.nacks.due(now)):
                self._send(rtcp.nack(_LOCAL_SSRC, source.ssrc, [n & 0xFFFF for n in lost]))
            keyframes = track.keyframes
            if keyframes.pending and track.is_video and track.source is source and keyframes.due(now):
                self._counters.keyframe_requests += 1
                self._send(rtcp.keyframe_request(_LOCAL_SSRC, source.ssrc))

    def send_transport_feedback(self) -> None:
        """Tell which packets arrived when."""
        if self._feedback is not None and (fci := self._feedback.build()) is not None:
            media = next(iter(self._sources), 0)
            self._send(rtcp.transport_feedback(_LOCAL_SSRC, media, fci))

    def report(self, now: float) -> None:
        """Send a receiver report, and REMB to a client without transport-wide feedback."""
        self._count_losses()
        blocks = [b for _, s in self._sources.values() if (b := s.reception.report(s.ssrc, now)) is not None]
        packet = rtcp.receiver_report(_LOCAL_SSRC, blocks)
        if self._estimate is not None and blocks:
            bitrate = self._estimate.update(max(b.fraction_lost for b in blocks))
            packet += rtcp.remb(_LOCAL_SSRC, bitrate, [b.ssrc for b in blocks])
        self.send_rtcp(packet)

    def _count_losses(self) -> None:
        """Add what was given up since the last call to what the node tells."""
        for _, source in self._sources.values():
            if source.nacks.gave_up:
                self._counters.drops["not_repaired"] += source.nacks.gave_up
                source.nacks.gave_up = 0
        if self._feedback is not None and self._feedback.overflowed:
            self._counters.drops["feedback"] += self._feedback.overflowed
            self._feedback.overflowed = 0

    def _send(self, feedback: bytes) -> None:
        # An empty report in front makes the packet a legal compound for clients without RFC 5506.
        self.send_rtcp(_EMPTY_REPORT + feedback)


def _restore(view: memoryview, start: int, payload: int, ssrc: int, payload_type: int) -> None:
    """Give a retransmission the header of the packet it repeats (RFC 4588 section 4)."""
    first, second, _, timestamp, _ = HEADER.unpack_from(view, start)
    original = view[payload] << 8 | view[payload + 1]
    HEADER.pack_into(view, start, first, second & MARKER | payload_type, original, timestamp, ssrc)
