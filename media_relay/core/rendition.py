"""What a subscriber can be given of a stream: a layer, how much of it, and with which numbers.

All layers of a picture leave on one SSRC. Each layer has a :class:`~media_relay.core.track.Track` with numbers of its
own, so a subscriber that goes from one to another receives the new one's packets *shifted*: what it sees goes on with
the next number, a later timestamp and the next picture id (RFC 7667 section 3.7, RFC 7741 section 4.2, RFC 9628
section 4.2). A subscriber that never changed layers has no shift, and costs nothing more than without layers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media_relay.core.layering import BEGINS, MAX_SPATIAL, MAX_TEMPORAL, SWITCH
from media_relay.core.thinning import Thinning
from media_relay.core.track import Track

FULL: Final = "full"
MIDDLE: Final = "middle"
LOW: Final = "low"
RUNGS: Final = {1: (FULL,), 2: (LOW, FULL), 3: (LOW, MIDDLE, FULL)}
"""The rungs of the ladder by the number of layers, lowest first."""

_WINDOW: Final = 1.0
_SAMPLE_EVERY: Final = 0.2
_OVERHEAD: Final = 12 + 16 + 28
"""Bytes of a packet around its payload: RTP header, SRTP tag, UDP and IPv4 headers."""


@dataclass(frozen=True, slots=True)
class Shift:
    """What is added to a rendition's numbers for those who came to it from another."""

    sequence: int = 0
    """Extended: unbounded."""
    timestamp: int = 0
    """Modulo 2**32."""
    picture: int = 0
    """Modulo 2**16: of AV1 the frame number, of VP8 and VP9 the picture id, which has fewer bits."""
    tl0: int = 0
    """Modulo 2**8."""


NO_SHIFT: Final = Shift()


class Meter:
    """Bits a second over the last second or so, from a running total. Times are seconds of any monotonic clock."""

    __slots__ = ("_samples", "bitrate")

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self.bitrate = 0

    def sample(self, total: int, now: float) -> None:
        """The total of bytes by now."""
        samples = self._samples
        if samples and now - samples[-1][0] < _SAMPLE_EVERY:
            return
        samples.append((now, total))
        while len(samples) > 2 and now - samples[1][0] >= _WINDOW:
            samples.popleft()
        began, before = samples[0]
        if now > began:
            self.bitrate = int((total - before) * 8 / (now - began))


class Rendition:
    """One way to see a stream. Compared by identity; it lives as long as the stream, whoever publishes.

    Either all of a track, whose numbers it then has, or its lower layers, with numbers of their own (:attr:`thinning`).
    """

    __slots__ = ("_meter", "_repeated", "active", "base", "rung", "spatial", "temporal", "thinning", "track")

    def __init__(self, track: Track, rung: str) -> None:
        self.track = track
        self.rung = rung
        """Its name on the ladder: ``full``, ``middle`` or ``low``."""
        self.active = False
        """Whether the publisher sends it just now."""
        self.base = Path(self, NO_SHIFT, -1)
        """The path of those who were never elsewhere: one object, so that they are one group."""
        self.spatial = MAX_SPATIAL - 1
        self.temporal = MAX_TEMPORAL - 1
        """The highest layers of the track that are in it."""
        self.thinning: Thinning | None = None
        """What numbers its packets, where it is not all of the track."""
        self._meter, self._repeated = Meter(), Meter()

    def limit(self, spatial: int, temporal: int) -> None:
        """It is the lower layers of its track, up to these; said once, before anybody is given it."""
        if self.track.layering is not None:
            self.spatial, self.temporal = spatial, temporal
            self.thinning = Thinning(self.track.history, self.track.layering, spatial, temporal)

    @property
    def bitrate(self) -> int:
        """Bits a second on the wire to one subscriber, measured over about a second; 0 before that."""
        return self._meter.bitrate if self.active else 0

    @property
    def repeated(self) -> int:
        """How much of that is repetitions of sound, which not everybody is sent."""
        return self._repeated.bitrate if self.active else 0

    def measure(self, now: float) -> None:
        """Take note of what came in so far; cheap, and meant to be called a few times a second."""
        packets, octets = self.carried
        self._meter.sample(octets + _OVERHEAD * packets, now)
        self._repeated.sample(self.track.repeated, now)

    @property
    def carried(self) -> tuple[int, int]:
        """Packets of it that came so far, and bytes of their payload."""
        track = self.track
        if self.thinning is not None and track.layering is not None:
            return track.layering.carried(self.spatial, self.temporal)
        return track.packets, track.octets

    # --- its numbers ------------------------------------------------------------------------------------------------

    @property
    def sent(self) -> int:
        """The extended number of the newest packet that those on it were sent."""
        return self.track.forwarded if self.thinning is None else self.thinning.sent

    def number_at(self, slot: int) -> int:
        """The extended number of the packet in a slot of the track; -1 for one that is not in it."""
        return self.track.history.sequence(slot) if self.thinning is None else self.thinning.number_at(slot)

    def number_before(self, number: int) -> int:
        """The number here of the packet with this number on the track, or of the last before it that is in here."""
        return number if self.thinning is None else self.thinning.number_before(number)

    def slot_of(self, number: int) -> int:
        """The slot of the packet with this extended number, or -1."""
        return self.track.history.find(number) if self.thinning is None else self.thinning.slot_of(number)

    def entrance(self, slots: Sequence[int], keyframe: int, former: Rendition, after: int) -> int:
        """Where in a batch those on another rendition of the same track may go over to this one; -1 for nowhere.

        To fewer layers: with any picture. To more temporal layers: where one of them may be begun, or with any picture
        where the publisher has ceased to send them: then they have all there is, and are told so. To more spatial
        layers: with a keyframe only; ``keyframe`` tells where one begins, -1 for nowhere. Never with a late packet:
        they have been sent what came until ``after`` already.
        """
        layering, sequence = self.track.layering, self.track.history.sequence
        if keyframe >= 0 and sequence(slots[keyframe]) > after:
            return keyframe
        if layering is None or self.spatial > former.spatial:
            return -1
        rises = self.temporal > former.temporal
        top = min(self.temporal, layering.top_temporal)
        for index, slot in enumerate(slots):
            spatial, temporal, flags = layering.spatial[slot], layering.temporal[slot], layering.flags[slot]
            if spatial or not flags & BEGINS or temporal > self.temporal or sequence(slot) <= after:
                continue
            if (
                not rises
                or top <= former.temporal
                or (flags & SWITCH if temporal > former.temporal else layering.reach[slot] >= top)
            ):
                return index
        return -1


@dataclass(frozen=True, slots=True)
class Path:
    """How packets come to a subscriber: those that share one receive the same bytes under different keys."""

    rendition: Rendition
    shift: Shift
    first: int
    """Extended number, on the track, of the first packet that goes this way: earlier ones would take numbers that are
    given away, and a number sent twice with different contents breaks SRTP (RFC 3711 section 9.1). -1: there are
    none."""

    @property
    def plain(self) -> bool:
        """Whether packets go out with the numbers that they have on the track."""
        return self.shift is NO_SHIFT and self.rendition.thinning is None

    def carries(self, slots: Sequence[int]) -> Sequence[int]:
        """Those of the track's packets that go this way."""
        if self.first >= 0:
            sequence = self.rendition.track.history.sequence
            slots = [slot for slot in slots if sequence(slot) >= self.first]
        thinning = self.rendition.thinning
        return slots if thinning is None else [slot for slot in slots if thinning.numbers[slot] >= 0]
