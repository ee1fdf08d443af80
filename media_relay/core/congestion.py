"""Whether a link is given more than it can carry: a queue that grows, or losses that have to do with it.

Loss alone is no proof: a radio link loses packets whatever is sent over it, and sending less would make the picture
worse for nothing. It counts where packets wait too, or where a quarter is lost for seconds.
"""

from __future__ import annotations

import enum
from typing import Final

from media_relay.core.queueing import Queueing

_LONG: Final = 0.120
"""Seconds of waiting that are trouble if they grow steeply."""
_STEEP: Final = 0.3
"""Seconds of waiting a second: what comes in is half as much again as what goes out."""
_NOTABLE: Final = 0.080
_SETTLING: Final = 0.5
"""Seconds for which a queue must be there: one that a keyframe left is shorter by then."""
_GROWTH: Final = 0.010
_SUSPECT_LOSS: Final = 0.05
_HOPELESS_LOSS: Final = 0.25
_SLOT: Final = 0.5
_SLOTS: Final = 4
_ENOUGH_PACKETS: Final = 10
SILENCE: Final = 1.2
"""Seconds without feedback, while packets are under way, after which a queue must be taken for endless."""


class Trouble(enum.Enum):
    """What is wrong with a link."""

    CONGESTION = "congestion"
    LOSS = "loss"


class CongestionDetector:
    """Judges one session's figures after each feedback message. Times are monotonic seconds."""

    __slots__ = ("_hopeless_slots", "_slot_at", "_slot_lost", "_slot_packets")

    def __init__(self) -> None:
        self._slot_at: float | None = None
        self._slot_packets = self._slot_lost = 0
        self._hopeless_slots = 0

    def look(self, queueing: Queueing, packets: int, lost: int, now: float) -> Trouble | None:
        """After a message that told of ``packets`` and ``lost`` ones among them."""
        self._count(packets, lost, now)
        if queueing.delay > _NOTABLE and self._queue_grows(queueing, now):
            return Trouble.CONGESTION
        if self._hopeless_slots >= _SLOTS:
            self._hopeless_slots = 0
            return Trouble.LOSS
        return None

    def forget(self) -> None:
        """Something was done about it: judge anew."""
        self._hopeless_slots = 0
        self._slot_packets = self._slot_lost = 0

    def _queue_grows(self, queueing: Queueing, now: float) -> bool:
        """Steeply, message by message, as when a link breaks down; or little by little.

        A keyframe too makes a queue that grows steeply, but then it shrinks.
        """
        delays = queueing.delays
        if queueing.delay > _LONG and len(delays) > 2:
            (at, first), (middle, second), (last, third) = delays[-3], delays[-2], delays[-1]
            if second - first > _STEEP * (middle - at) and third - second > _STEEP * (last - middle):
                return True
        if delays[0][0] > now - _SETTLING or queueing.lowest_delay(now - _SETTLING) < _NOTABLE:
            return False
        before = next(delay for at, delay in delays if at >= now - _SETTLING)
        return queueing.delay > before + _GROWTH or queueing.loss > _SUSPECT_LOSS

    def _count(self, packets: int, lost: int, now: float) -> None:
        if self._slot_at is None:
            self._slot_at = now
        self._slot_packets += packets
        self._slot_lost += lost
        if now - self._slot_at < _SLOT or self._slot_packets < _ENOUGH_PACKETS:
            return
        hopeless = self._slot_lost > _HOPELESS_LOSS * self._slot_packets
        self._hopeless_slots = self._hopeless_slots + 1 if hopeless else 0
        self._slot_at, self._slot_packets, self._slot_lost = now, 0, 0
