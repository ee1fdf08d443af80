"""Receiver reports (RFC 3550 section 6.4.1), judged in want of anything better: coarse, but everybody sends them."""

from __future__ import annotations

from typing import Final

from media_relay.core.congestion import Trouble

_HOPELESS_LOSS: Final = 0.25
_SUSPECT_LOSS: Final = 0.05
_LONG: Final = 0.3
"""Seconds of round trip above the shortest one: a queue."""
_IN_A_ROW: Final = 2


class ReportJudge:
    """Follows the reports of one session. Times are seconds."""

    __slots__ = ("_hopeless", "_queued", "_shortest")

    def __init__(self) -> None:
        self._shortest: float | None = None
        self._hopeless = self._queued = 0

    def look(self, loss: float, rtt: float | None) -> Trouble | None:
        """What a report with this share of loss and round-trip time tells."""
        self._hopeless = self._hopeless + 1 if loss > _HOPELESS_LOSS else 0
        if rtt is not None and rtt >= 0:
            self._shortest = rtt if self._shortest is None else min(rtt, self._shortest)
            queued = rtt > self._shortest + _LONG
            self._queued = self._queued + (2 if loss > _SUSPECT_LOSS else 1) if queued else 0
        if self._queued >= _IN_A_ROW:
            self._queued = 0
            return Trouble.CONGESTION
        if self._hopeless >= _IN_A_ROW:
            self._hopeless = 0
            return Trouble.LOSS
        return None
