"""A client that plays a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from media_relay.core.forwarding import PADDING_SIZE, WireFormat
from media_relay.core.member import AUDIO_ONLY, Member
from media_relay.core.pacing import FIRST_FEEDBACK, FIRST_WINDOW, Pace
from media_relay.core.packet import Codec, Extension, extension_table
from media_relay.core.rendition import Path
from media_relay.core.subscription import Subscription
from media_relay.core.track import Track
from media_relay.core.transport_log import TransportLog
from media_relay.core.viewer import Viewer
from media_relay.counters import Counters
from media_relay.fanout import Fanout
from media_relay.peer import Peer, PeerState
from media_relay.sdp import MediaSection, Offer
from media_relay.seams import rtcp
from media_relay.seams.datagrams import Address, Sender
from media_relay.seams.dtls import DtlsIdentity
from media_relay.seams.rtcp import RtcpReceiverInfo
from media_relay.stream import Stream

_LOSSY: Final = 8
"""Packets lost of 256 from which on repairs are sent twice: a second try would come a round trip later."""
_ON_ITS_WAY: Final = 0.3
"""Seconds in which a request for a keyframe may have crossed one; clients repeat theirs."""
_IN_TIME: Final = 0.25
"""Seconds in a queue, after which sound comes too late to be heard."""
_HEADERS: Final = 28
"""Bytes of IPv4 and UDP around a packet."""


class LinkControl(Protocol):
    """Whoever decides what a subscriber's link can carry: see :class:`media_relay.viewers.Viewers`."""

    def first_window(self, session: str, picture: int, now: float) -> int:
        """Bytes that may be sent before the first feedback where the first picture has so many."""

    def transport_feedback(self, session: str, fci: bytes, now: float) -> None:
        """Transport-wide feedback came."""

    def remb(self, session: str, bitrate: int, now: float) -> None:
        """The client says what it can receive."""

    def report(self, session: str, loss: float, rtt: float | None, now: float) -> None:
        """A receiver report came."""


class Subscriber(Peer):
    """Receives the tracks it offered to take, each in the wire format it negotiated."""

    def __init__(
        self,
        session: str,
        stream: Stream,
        offer: Offer,
        identity: DtlsIdentity,
        sender: Sender,
        fanout: Fanout,
        counters: Counters,
        now: float,
    ) -> None:
        super().__init__(session, offer, identity, sender, counters, now)
        self.stream = stream
        self.viewer = session
        """Whoever shares a link with this session; by itself it shares with nobody."""
        self._fanout = fanout
        self.subscriptions = {
            s.kind: Subscription(
                stream.layers[s.kind],
                reads_entangled=Extension.DEPENDENCY_DESCRIPTOR in s.known_extensions().values(),
            )
            for s in offer.accepted
        }
        self._sections = {s.kind: s for s in offer.accepted}
        self._asks_again = {s.kind for s in offer.accepted if any("nack" in p.feedback for p in s.payloads())}
        """The kinds of which it takes repairs."""
        self._wires: dict[str, WireFormat] = {}
        self._kinds = {stream.layers[kind].ssrc: kind for kind in self.subscriptions}
        self.transport = TransportLog()
        self.link: LinkControl | None = None
        """Set when it is connected."""
        self.rung = ""
        """What it is given, as it was last told: ``full``, ``middle``, ``low``, ``audio_only``; empty before."""
        self.pace = Pace()
        self.paced = False
        """Whether its pictures follow the stream at a pace of their own, because its link is narrow."""
        self.welcomed_at = now
        self.first_window = FIRST_WINDOW
        """Bytes that it may be sent before its first feedback."""
        self.estimate: int | None = None
        """Bits a second that its link carries, all sessions of its page together; ``None`` while nobody has to ask."""
        self._room: int | None = None
        self._cost = 0
        self._held = self._clearing = False
        self._waits = 0.0
        self._repeats = self._repeating = True

    def _settle(self, address: Address) -> None:
        super()._settle(address)
        if self.state is PeerState.CONNECTED:
            self.stream.regroup()  # those who are given the same are kept with their addresses

    def wire(self, kind: str) -> WireFormat:
        """The wire format of a kind; only for a connected peer."""
        found = self._wires.get(kind)
        if found is None:
            tag = self.outbound.tag if self.outbound is not None else 0
            found = self._wires[kind] = _wire_format(self._sections[kind], tag)
        return found

    def choose_sound(self) -> None:
        """Send sound with repetitions or without, as its link is; called between two batches of it."""
        if "audio" not in self.subscriptions or self._repeats == self._repeating:
            return
        self._repeating = self._repeats
        former = self._wires.pop("audio", None)
        if not self._repeating:
            types = bytearray(self.wire("audio").payload_types)
            types[Codec.RED] = 0
            self._wires["audio"] = replace(self.wire("audio"), payload_types=bytes(types))
        if self.wire("audio") != former:
            self.subscriptions["audio"].turn_over()

    @property
    def playing(self) -> bool:
        """Whether it is in the middle of a publisher's pictures: neither waiting for a keyframe nor catching up."""
        video = self.subscriptions.get("video")
        flows = self.stream.publisher is not None and self.stream.publisher.started
        caught_up = video is not None and not video.waiting and (video.replay is None or self.paced)
        return flows and caught_up

    @property
    def held(self) -> bool:
        """Whether its pictures are held back, until a queue on its link is gone."""
        return self._held

    @property
    def blocked(self) -> bool:
        """The same for a while yet: a keyframe asked for now would come too early."""
        return self._held and not self._clearing

    @property
    def rung_now(self) -> str:
        """The rung of what it is given; while it waits for a keyframe, the last one."""
        video = self.subscriptions.get("video")
        if video is None:
            return self.rung
        if video.refused:
            return AUDIO_ONLY
        return self.rung if video.current is None else video.current.rung

    @property
    def rung_wanted(self) -> str:
        """The rung that it is to be given, of those that the publisher sends."""
        video = self.subscriptions.get("video")
        target = None if video is None else video.target
        return AUDIO_ONLY if target is None else target.rung

    @property
    def takes_padding(self) -> bool:
        """Whether its link can be probed with padding; only for a connected peer."""
        wire = self.wire("video") if "video" in self.subscriptions else None
        return wire is not None and bool(wire.transport) and any(wire.repair_types)

    def want(self, rung: str | None) -> None:
        """Be given this rung from the next steering on; ``None``: the best there is."""
        video = self.subscriptions.get("video")
        if video is None:
            return
        if rung is None:
            video.want_best()
        else:
            video.want(next((r for r in video.all_renditions if r.rung == rung), None))

    def limit(self, viewer: Viewer, member: Member) -> None:
        """Pace its pictures as its viewer's link demands."""
        self.estimate, self._room, self._cost = viewer.capacity, viewer.room(member), member.cost
        self._held, self._clearing, self._waits = viewer.draining, viewer.clearing, viewer.waits
        self.paced, self._repeats = self._room is not None, viewer.repeats

    def begin_with(self, picture: int, now: float) -> None:
        """A picture of so many bytes is the first that it is sent."""
        if self.link is not None:
            self.first_window = self.link.first_window(self.session, picture, now)

    def allowance(self, now: float) -> int:
        """Bytes of pictures that may be sent now to a subscriber that follows at a pace of its own."""
        if self._held:
            return 0
        granted = self.pace.allowance(self._cost, self._room, now)
        if self.transport.octets and not self.transport.heard and now - self.welcomed_at < FIRST_FEEDBACK:
            granted = min(granted, self.first_window - self.transport.octets)
        return granted

    def pad(self, octets: int) -> None:
        """Send about so many bytes of padding."""
        wire, subscription = self.wire("video"), self.subscriptions["video"]
        path, first = subscription.path, subscription.repairs_sent
        track = path.rendition.track
        timestamp = track.newest_timestamp + path.shift.timestamp & 0xFFFFFFFF
        count = -(-octets // (PADDING_SIZE + wire.tag + _HEADERS))
        subscription.repairs_sent += self._fanout.pad(
            wire, self, count, ssrc=track.repair_ssrc, first=first, timestamp=timestamp
        )

    @property
    def cannot_decode(self) -> bool:
        """Whether pictures come in a codec that it did not negotiate: its client plays anew, and is told."""
        connected = self.state is PeerState.CONNECTED and self.stream.publisher is not None
        if not connected or "video" not in self.subscriptions:
            return False
        tracks = [r.track for r in self.stream.layers["video"].renditions if r.track.source is not None]
        seen = [track for track in tracks if track.codec]
        return bool(seen) and not any(self.takes(track) for track in seen)

    def takes(self, track: Track) -> bool:
        """Whether it negotiated the codec of a picture; only for a connected peer."""
        return bool(self.wire("video").payload_types[track.codec])

    def rtcp(self, packets: list[rtcp.AnyRtcpPacket], now: float) -> None:
        """Act on the feedback of the client."""
        self.figures.freezes.hear(now)
        for packet in packets:
            if isinstance(packet, rtcp.RtcpRtpfbPacket):  # by far the most
                if packet.fmt != rtcp.TRANSPORT_CC:
                    self._resend(packet.media_ssrc, rtcp.nacked(packet), now)
                elif self.link is not None:
                    self.link.transport_feedback(self.session, packet.fci, now)
            elif isinstance(packet, (rtcp.RtcpRrPacket, rtcp.RtcpSrPacket)):
                for block in packet.reports:
                    self._report(block, now)
            elif isinstance(packet, rtcp.RtcpPsfbPacket):
                if rtcp.asks_keyframe(packet):
                    self.figures.freezes.asks_keyframe(now, playing=self.playing)
                    self._ask_keyframe(now)
                elif self.link is not None and (bitrate := rtcp.remb_bitrate(packet)) is not None:
                    self.link.remb(self.session, bitrate, now)

    def _report(self, block: RtcpReceiverInfo, now: float) -> None:
        kind = self._kinds.get(block.ssrc)
        if kind is None:
            return
        rtt = self.stream.layers[kind].round_trip(block.lsr, block.dlsr, now)
        self.subscriptions[kind].report(block.fraction_lost, block.jitter, rtt)
        if self.link is not None:
            self.link.report(self.session, block.fraction_lost / 256, rtt, now)
        self.figures.loss.note(block.ssrc, block.highest_sequence, block.packets_lost)

    def _ask_keyframe(self, now: float) -> None:
        """For the layer that it is given, or waits for. One that has just begun is on its way."""
        subscription = self.subscriptions.get("video")
        rendition = subscription and (subscription.current or subscription.target)
        if self.blocked:
            return
        if subscription and rendition and now - rendition.track.keyframe_at > _ON_ITS_WAY:
            subscription.ask_keyframe(rendition, now)

    def repair(self, missed: Sequence[tuple[int, int]], now: float) -> None:
        """Send again what transport-wide feedback missed, by SSRC and number, without being asked.

        Where requests for it are lost, or repairs with the request for them, this is the second way to learn of it. Not
        where the link is narrow: what was lost there was too much.
        """
        if self.paced:
            return
        for ssrc, kind in self._kinds.items():
            if kind in self._asks_again:
                subscription = self.subscriptions[kind]
                numbers = [n for source, n in missed if source == ssrc and not subscription.was_resent(n)]
                self._resend(ssrc, numbers[: rtcp.MAX_NACKED], now)

    def _resend(self, ssrc: int, numbers: list[int], now: float) -> None:
        """Send again what is asked for, where that does more good than harm.

        Nothing into a queue that is to get shorter, but for sound that still comes in time to be heard. On a narrow
        link no more of pictures than is allowed, and nothing that the next keyframe makes useless.
        """
        kind = self._kinds.get(ssrc)
        if kind is None or (self._held and (kind == "video" or self._waits > _IN_TIME)):
            return
        subscription = self.subscriptions[kind]
        narrow = self.paced and kind == "video"
        found: dict[Path, list[int]] = {}
        for number in numbers:
            if narrow and self.pace.in_debt:
                break  # it is asked for again
            whence = subscription.may_resend(number, now, self._waits)
            if whence is None:
                continue
            path, slot = whence
            if subscription.is_stale(path, slot, now) or (narrow and subscription.has_left(path)):
                self._counters.drops["nack_stale"] += 1
                continue
            found.setdefault(path, []).append(slot)
            if self.paced:
                self.pace.owe(path.rendition.track.history.lengths[slot])
        for path, slots in found.items():
            sent = self._send_again(path, subscription, kind, slots * self._copies())
            self._counters.packets_retransmitted += sent
            self.figures.repaired += sent

    def _copies(self) -> int:
        """How often to send what was lost. Not twice where the link is narrow: more would make it lose more."""
        lost = max(subscription.fraction_lost for subscription in self.subscriptions.values())
        return 2 if lost >= _LOSSY and not self.paced else 1

    def _send_again(self, path: Path, subscription: Subscription, kind: str, slots: list[int]) -> int:
        """By RTX where it was negotiated, else as they were on the same SSRC."""
        wire = self.wire(kind)
        if not any(wire.repair_types):
            return self._fanout.repeat(path, slots, wire, self)
        first = subscription.repairs_sent
        repair_ssrc = path.rendition.track.repair_ssrc
        sent = self._fanout.repair(path, slots, wire, self, ssrc=repair_ssrc, first=first)
        subscription.repairs_sent += sent
        return sent


def _wire_format(section: MediaSection, tag: int) -> WireFormat:
    payload_types, repair_types = bytearray(128), bytearray(128)
    for payload in section.payloads():
        payload_types[payload.codec] = payload.number
        repair_types[payload.codec] = payload.repair
    numbers = {ext: number for number, ext in section.known_extensions().items()}
    carried = {int(ext): number for ext, number in numbers.items() if ext > 0}
    transport = numbers.get(Extension.TRANSPORT_SEQUENCE, 0)
    return WireFormat(bytes(payload_types), bytes(repair_types), extension_table(carried), tag, transport)
