"""One subscriber's view of one track: whether it may receive yet, what it reports, and what may be sent again."""

from __future__ import annotations

from typing import Final

from media_relay.core.replay import Replay
from media_relay.core.sequence import extend

_RESENDS: Final = 128
_RESENDS_EVERY: Final = 0.020
_RESEND_INTERVAL: Final = 0.030
_MAX_REMEMBERED: Final = 512
_MAX_PAUSE: Final = 1 << 15


class Subscription:
    """State of one subscriber on one track. Times are monotonic seconds."""

    __slots__ = (
        "_first",
        "_paused_at",
        "_resends_left",
        "_resends_renewed",
        "_resent",
        "fraction_lost",
        "jitter",
        "replay",
        "repairs_sent",
        "rtt",
        "stale",
        "waiting",
    )

    def __init__(self) -> None:
        self.waiting = True
        """Nothing is forwarded before :meth:`begin`: pictures wait for a keyframe."""
        self.replay: Replay | None = None
        """While the subscriber catches up with the stream."""
        self.stale = False
        """Whether the pause was too long to go on: the client must play anew."""
        self._first = 0
        self._paused_at: int | None = None
        self.fraction_lost = 0
        self.jitter = 0
        self.rtt: float | None = None
        self.repairs_sent = 0
        """Retransmissions on an SSRC of their own so far: they are numbered from it."""
        self._resends_left = _RESENDS
        self._resends_renewed = float("-inf")
        self._resent: dict[int, float] = {}

    def begin(self, number: int) -> None:
        """Forward from the packet with this extended number on.

        After a pause of 2**15 numbers SRTP's rollover counter is ambiguous (RFC 3711 section 3.3.1): the client could
        decrypt nothing, and our own counter might come by a nonce again. The subscription is then stale for good.
        """
        if self._paused_at is None:
            self._first = number
        elif number - self._paused_at >= _MAX_PAUSE:
            self.stale = True
        self.waiting = self.stale

    def pause(self, highest: int) -> None:
        """Forward nothing after the packet with this extended number until :meth:`begin`."""
        self.replay = None
        if not self.waiting:
            self.waiting = True
            self._paused_at = highest

    def report(self, fraction_lost: int, jitter: int, rtt: float | None) -> None:
        """A report block of the subscriber's receiver report; ``rtt`` in seconds, where it could be measured."""
        self.fraction_lost = fraction_lost
        self.jitter = jitter
        if rtt is not None and rtt >= 0:
            self.rtt = rtt

    def may_resend(self, number: int, highest: int, now: float) -> int | None:
        """The extended number of a NACKed packet to send again, or ``None``.

        ``None`` while the subscriber waits, for a packet from before it began (its SRTP rollover counter starts
        there), for one sent again less than 30 ms ago, and above 128 packets in 20 ms: a hostile or hopeless link
        must not turn the history into a flood.
        """
        if now - self._resends_renewed >= _RESENDS_EVERY:
            self._resends_left, self._resends_renewed = _RESENDS, now
        if self.waiting or self._resends_left <= 0:
            return None
        extended = extend(number, highest)
        if (
            not self._first <= extended <= highest
            or now - self._resent.get(extended, -1.0) < _RESEND_INTERVAL
        ):
            return None
        self._resends_left -= 1
        self._resent[extended] = now
        if len(self._resent) > _MAX_REMEMBERED:
            del self._resent[next(iter(self._resent))]
        return extended
