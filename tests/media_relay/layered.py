"""A stream with layers and its viewers without sockets: packets in, what each viewer would see out, in virtual time."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from media_relay.core.forwarding import WireFormat, render
from media_relay.core.pacing import Pace
from media_relay.core.packet import Codec, Extension, Extensions, extension_table, find_element, payload_of
from media_relay.core.rendition import Path, Rendition
from media_relay.core.shifting import shift_packets
from media_relay.core.subscription import Subscription
from media_relay.core.track import Source, Track
from media_relay.fanout import Fanout
from media_relay.peer import PeerState
from media_relay.stream import Stream
from media_relay.subscriber import Subscriber
from tests.media_relay.core.packets import packet

_DEPENDENCY = int(Extension.DEPENDENCY_DESCRIPTOR)
WIRE = WireFormat(bytes(range(128)), bytes(128), extension_table({_DEPENDENCY: _DEPENDENCY}), tag=0)


@dataclass(frozen=True)
class Seen:
    """One packet as a viewer decodes it."""

    number: int
    timestamp: int
    marker: bool
    payload: bytes
    ssrc: int
    dependency: bytes
    """AV1's descriptor."""

    @classmethod
    def read(cls, data: memoryview) -> Seen:
        _, second, number, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        start, end = find_element(data, 0, _DEPENDENCY)
        payload, marker = bytes(data[payload_of(data, 0) :]), bool(second & 0x80)
        return cls(number, timestamp, marker, payload, ssrc, bytes(data[start:end]))

    @property
    def picture(self) -> int:
        """The VP8 picture id, of 15 bits."""
        return (self.payload[2] & 0x7F) << 8 | self.payload[3]

    @property
    def tl0(self) -> int:
        return self.payload[4]

    @property
    def key(self) -> bool:
        """First packet of a keyframe."""
        return self.payload[0] == 0x90 and not self.payload[6] & 1

    @property
    def said(self) -> tuple[int, int, int]:
        """Layer, frame and part, as :func:`frame` wrote them."""
        layer, number, part = struct.unpack("!BIB", self.payload[-6:])
        return layer, number, part


def frame(layer: int, number: int, parts: int, picture: int, tl0: int, *, key: bool) -> list[bytes]:
    """The payloads of a VP8 frame (RFC 7741): picture id, TL0PICIDX, temporal layer 0, and who it is."""
    payloads = []
    for part in range(parts):
        head = bytes(
            (0x90 if part == 0 else 0x80, 0xE0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, tl0 & 0xFF, 0)
        )
        payloads.append(head + (b"\x00" if key else b"\x01") + struct.pack("!BIB", layer, number, part))
    return payloads


@dataclass(eq=False)
class Viewer:
    """Stands where a connected subscriber stands; gets everything it is sent."""

    stream: Stream
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    state: PeerState = PeerState.CONNECTED
    pace: Pace = field(default_factory=Pace)
    paced: bool = False
    held: bool = False
    blocked: bool = False
    welcomed_at: float = 0.0

    def __post_init__(self) -> None:
        self.subscriptions = {"video": Subscription(self.stream.layers["video"])}

    @property
    def video(self) -> Subscription:
        return self.subscriptions["video"]

    def wire(self, kind: str) -> WireFormat:
        return WIRE

    def allowance(self, now: float) -> int:
        return 0 if self.held else 3_000 if self.paced else 20_000

    def begin_with(self, picture: int, now: float) -> None:
        """It is sent as much in one go as :meth:`allowance` says."""

    def choose_sound(self) -> None:
        """There is none."""

    def takes(self, track: Track) -> bool:
        return True

    def send_rtcp(self, report: bytes) -> None:
        self.reports.append(report)

    def nack(self, number: int, now: float) -> None:
        whence = self.video.may_resend(number, now)
        if whence is not None:
            show(whence[0], [whence[1]], [self])


def show(path: Path, slots: Sequence[int], viewers: Sequence[Viewer]) -> None:
    """Render and shift as the fan-out does, and let the viewers see it."""
    history = path.rendition.track.history
    out = memoryview(bytearray(len(slots) * 1_600))
    layout = render(history, path.carries(slots), WIRE, out, max_segments=1, max_message=65_000)
    if not path.plain:
        shift_packets(out, layout, WIRE, path)
    for offset, length in layout.packets:
        for viewer in viewers:
            viewer.seen.append(Seen.read(out[offset : offset + length]))


class Screens:
    """In place of the fan-out: no keys and no sockets."""

    def forward(self, path: Path, slots: Sequence[int], wire: WireFormat, targets: Sequence[Viewer]) -> int:
        show(path, slots, targets)
        return len(slots)


class Classroom:
    """A publisher of some layers, each with numbers, clock and picture ids of its own, and the viewers of it."""

    def __init__(self, layers: int, starts: Sequence[tuple[int, int, int, int]]) -> None:
        """``starts``: first number, timestamp, picture id and TL0PICIDX of each layer."""
        self.stream = Stream("lesson", "main", cast(Fanout, Screens()))
        self.stream.publisher = cast(Any, self)
        self.now = 100.0
        self.frames = 0
        self.viewers: list[Viewer] = []
        self.starts = starts
        self.held: list[tuple[int, bytes]] = []
        """Packets that were lost or overtaken on their way here, by layer."""
        self.come(layers)

    def come(self, layers: int) -> None:
        """A publisher begins, with sources of its own."""
        self.renditions: tuple[Rendition, ...] = self.stream.lay_out(layers)
        self.sources = [Source(10 + i, {96: Codec.VP8}, 90_000) for i in range(layers)]
        self.numbers = [s[0] for s in self.starts[:layers]]
        self.pictures = [s[2] for s in self.starts[:layers]]
        self.tl0s = [s[3] for s in self.starts[:layers]]
        self.known: set[int] = set()

    def expect(self) -> None:
        """As a publisher is told: here no kernel takes packets that would have to know."""

    def watch(self) -> Viewer:
        viewer = Viewer(self.stream)
        self.stream.subscribers[str(len(self.viewers))] = cast(Subscriber, viewer)
        self.viewers.append(viewer)
        self.stream.welcome(cast(Subscriber, viewer), self.now)
        return viewer

    def shoot(
        self,
        layers: Sequence[int],
        *,
        keys: Sequence[int] = (),
        parts: int = 1,
        hold: Sequence[tuple[int, int]] = (),
        flush: bool = True,
    ) -> None:
        """One picture in these layers, 1/30 s after the last; ``hold`` (layer, part) of what does not arrive yet."""
        self.now += 1 / 30
        self.frames += 1
        for layer in layers:
            payloads = frame(
                layer, self.frames, parts, self.pictures[layer], self.tl0s[layer], key=layer in keys
            )
            timestamp = self.starts[layer][1] + self.frames * 3_000
            for part, payload in enumerate(payloads):
                data = packet(self.numbers[layer], timestamp, payload, marker=part == parts - 1)
                self.numbers[layer] += 1
                if (layer, part) in hold:
                    self.held.append((layer, data))
                else:
                    self.arrive(layer, data)
            self.pictures[layer] += 1
            self.tl0s[layer] += 1
        if flush:
            self.stream.flush()

    def arrive(self, layer: int, data: bytes) -> None:
        track, source = self.renditions[layer].track, self.sources[layer]
        if layer not in self.known:
            self.known.add(layer)
            self.stream.new_source(track)
        view = memoryview(data)
        track.ingest(source, view, 0, len(view), 12, Extensions(), self.now)

    def release(self) -> None:
        """What was held back arrives after all."""
        held, self.held = self.held, []
        for layer, data in held:
            self.arrive(layer, data)
        self.stream.flush()

    def report(self) -> None:
        """Sender reports: all layers are of one clock."""
        for layer, source in enumerate(self.sources):
            ntp = int((self.now + 3_000_000_000) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
            self.renditions[layer].track.sender_report(
                source, ntp, self.starts[layer][1] + self.frames * 3_000 & 0xFFFFFFFF, self.now
            )

    def steer(self) -> list[int]:
        """As the relay does every 200 ms; returns the layers that a keyframe is asked of."""
        self.stream.steer(self.now)
        return [i for i, r in enumerate(self.renditions) if r.track.keyframes.pending]


def extended(numbers: list[int], modulus: int) -> list[int]:
    """Numbers unwrapped: each next to the one before."""
    out: list[int] = []
    for number in numbers:
        near = out[-1] if out else number
        out.append(near + (number - near + modulus // 2) % modulus - modulus // 2)
    return out


def numbers_of(seen: list[Seen]) -> list[int]:
    """The sequence numbers of what was seen, extended."""
    return extended([s.number for s in seen], 1 << 16)


def missing(seen: list[Seen]) -> list[int]:
    """The numbers between the first packet and the newest that were not seen."""
    numbers = numbers_of(seen)
    return sorted(set(range(numbers[0], max(numbers))) - set(numbers)) if seen else []
