"""What a player would show and sound like: pictures that stand still, and sound that comes too late or never.

No codec is involved: arrivals are compared with what a player needs. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SOUND_BUFFER: Final = 0.200
"""Seconds of sound a player holds back at most; what comes later is concealed."""
_WEIGHT: Final = 1 / 30
_AUDIO_CLOCK: Final = 48_000


class Pictures:
    """Follows one video track packet by packet, in the order of decoding.

    A frame is shown when its last packet has come and nothing before it is missing. A pause between two frames is a
    freeze when it is longer than three mean pauses and longer than the mean by 150 ms (W3C webrtc-stats,
    ``freezeCount``). Having no picture for want of bandwidth counts as standing still.
    """

    __slots__ = ("_mean", "_next", "_shown_at", "_waiting", "freezes", "frozen")

    def __init__(self) -> None:
        self.freezes = 0
        self.frozen = 0.0
        """Seconds, of the freezes that ended."""
        self._next: int | None = None
        self._waiting: dict[int, bool] = {}
        self._shown_at: float | None = None
        self._mean = 1 / 30

    @property
    def lost(self) -> bool:
        """Whether only a keyframe helps: at the beginning, and after a packet was given up."""
        return self._next is None

    def resume(self, number: int, came: Mapping[int, bool], now: float) -> None:
        """A keyframe is whole, and its last packet has this extended number.

        ``came``: the packets that came meanwhile, and whether each ends a frame.
        """
        self._next = number + 1
        self._waiting = {later: ends_frame for later, ends_frame in came.items() if later > number}
        self._show(now)
        self._go_on(now)

    def give_up(self) -> None:
        """Something is missing that will not come any more: nothing after it can be decoded."""
        self._next = None
        self._waiting.clear()

    def receive(self, number: int, ends_frame: bool, now: float) -> None:
        """A packet arrived for the first time."""
        expected = self._next
        if expected is None or number < expected:
            return
        if number > expected:
            self._waiting[number] = ends_frame
            return
        if ends_frame:
            self._show(now)
        self._next = expected + 1
        if self._waiting:
            self._go_on(now)

    def still(self, now: float) -> float:
        """Seconds of standing still until now, a freeze that goes on included."""
        if self._shown_at is None or not self._is_freeze(now - self._shown_at):
            return self.frozen
        return self.frozen + now - self._shown_at

    def _go_on(self, now: float) -> None:
        number = self._next or 0
        while (ends_frame := self._waiting.pop(number, None)) is not None:
            if ends_frame:
                self._show(now)
            number += 1
        self._next = number

    def _show(self, now: float) -> None:
        if self._shown_at is not None:
            pause = now - self._shown_at
            if self._is_freeze(pause):
                self.freezes += 1
                self.frozen += pause
            else:
                self._mean += _WEIGHT * (pause - self._mean)
        self._shown_at = now

    def _is_freeze(self, pause: float) -> bool:
        return pause > max(3 * self._mean, self._mean + 0.150)


class Sound:
    """Counts the packets of one audio track that come too late to be heard."""

    __slots__ = ("_first", "_least", "late")

    def __init__(self) -> None:
        self.late = 0
        self._first: tuple[int, float] | None = None
        self._least = 0.0

    def receive(self, timestamp: int, now: float) -> None:
        """A packet with this RTP timestamp arrived for the first time."""
        if self._first is None:
            self._first = timestamp, now
            return
        first, began = self._first
        elapsed = ((timestamp - first + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
        delay = now - began - elapsed / _AUDIO_CLOCK
        if delay < self._least:
            self._least = delay
        elif delay - self._least > SOUND_BUFFER:
            self.late += 1
