"""A publisher's wall clock tied to a track's outgoing timestamps, so that lip sync survives the relay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_REPORTS_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class SenderTime:
    """One moment on the publisher's clock and on the track's."""

    ntp: int
    """64-bit NTP timestamp (RFC 3550 section 4)."""
    timestamp: int
    at: float
    """When it arrived, monotonic seconds."""


class SenderClock:
    """What sender reports say of the present source, extrapolated for subscribers."""

    __slots__ = ("_known", "_rate", "_reported", "offset")

    def __init__(self, rate: int) -> None:
        """``rate``: of the track's timestamps, a second."""
        self._rate = rate
        self._known: SenderTime | None = None
        self._reported: dict[int, float] = {}
        self.offset: int | None = None
        """Outgoing timestamps less the source's wall clock in the same units, modulo 2**32, as its first report said:
        ties the layers of one publisher together."""

    def note(self, ntp: int, outgoing: int, now: float) -> None:
        """A report of the source: its wall clock ``ntp`` at this outgoing timestamp."""
        self._known = SenderTime(ntp, outgoing, now)
        if self.offset is None:
            self.offset = outgoing - (ntp * self._rate >> 32) & 0xFFFFFFFF

    def begin_anew(self) -> None:
        """Another source, or another beginning: nothing is known of its clock yet."""
        self._known = None
        self.offset = None

    def at(self, now: float) -> SenderTime | None:
        """The publisher's wall clock and the outgoing timestamp of this moment, for a report to subscribers."""
        known = self._known
        if known is None:
            return None
        elapsed = now - known.at
        sent = SenderTime(
            (known.ntp + int(elapsed * (1 << 32))) & 0xFFFFFFFFFFFFFFFF,
            (known.timestamp + int(elapsed * self._rate)) & 0xFFFFFFFF,
            now,
        )
        self._reported[(sent.ntp >> 16) & 0xFFFFFFFF] = now
        while len(self._reported) > _REPORTS_REMEMBERED:
            del self._reported[next(iter(self._reported))]
        return sent

    def round_trip(self, last_sr: int, delay: int, now: float) -> float | None:
        """Seconds to a subscriber and back from its report block (RFC 3550 section 6.4.1), when known."""
        sent = self._reported.get(last_sr)
        return None if sent is None else now - sent - delay / 65536
