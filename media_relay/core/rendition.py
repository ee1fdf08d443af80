"""What a subscriber can be given of a stream: a layer, how much of it, and with which numbers.

All layers of a picture leave on one SSRC. Each layer has a :class:`~media_relay.core.track.Track` with numbers of its
own, so a subscriber that goes from one to another receives the new one's packets *shifted*: what it sees goes on with
the next number, a later timestamp and the next picture id (RFC 7667 section 3.7, RFC 7741 section 4.2, RFC 9628
section 4.2). A subscriber that never changed layers has no shift, and costs nothing more than without layers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

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
    """Modulo 2**15."""
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
    """One way to see a stream. Compared by identity; it lives as long as the stream, whoever publishes."""

    __slots__ = ("_meter", "active", "base", "rung", "track")

    def __init__(self, track: Track, rung: str) -> None:
        self.track = track
        self.rung = rung
        """Its name on the ladder: ``full``, ``middle`` or ``low``."""
        self.active = False
        """Whether the publisher sends it just now."""
        self.base = Path(self, NO_SHIFT, -1)
        """The path of those who were never elsewhere: one object, so that they are one group."""
        self._meter = Meter()

    @property
    def bitrate(self) -> int:
        """Bits a second on the wire to one subscriber, measured over about a second; 0 before that."""
        return self._meter.bitrate if self.active else 0

    def measure(self, now: float) -> None:
        """Take note of what came in so far; cheap, and meant to be called a few times a second."""
        track = self.track
        self._meter.sample(track.octets + _OVERHEAD * track.packets, now)


@dataclass(frozen=True, slots=True)
class Path:
    """How packets come to a subscriber: those that share one receive the same bytes under different keys."""

    rendition: Rendition
    shift: Shift
    first: int
    """Extended number of the first packet that goes this way: earlier ones would take numbers that are given away,
    and a number sent twice with different contents breaks SRTP (RFC 3711 section 9.1). -1: there are none."""
