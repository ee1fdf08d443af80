"""What a player would show and sound like: pictures that stand still, and sound that comes too late or never.

No codec is involved: arrivals are compared with what a player needs, which waits a little for what comes late
(:mod:`media_relay.load_test.holding`). Times are seconds of one clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from media_relay.load_test.holding import HoldBack

_WEIGHT: Final = 1 / 30
_AUDIO_CLOCK: Final = 48_000
_VIDEO_CLOCK: Final = 90_000


class Pictures:
    """Follows one video track packet by packet, in the order of decoding.

    A frame can be shown when its last packet has come and nothing before it is missing, and is shown when its time has
    come. A pause between two frames is a freeze when it is longer than three mean pauses and longer than the mean by
    150 ms (W3C webrtc-stats, ``freezeCount``). Having no picture for want of bandwidth counts as standing still.
    """

    __slots__ = ("_mean", "_next", "_shown_at", "_waiting", "freezes", "frozen", "hold_back")

    def __init__(self) -> None:
        self.freezes = 0
        self.frozen = 0.0
        """Seconds, of the freezes that ended."""
        self.hold_back = HoldBack(_VIDEO_CLOCK)
        self._next: int | None = None
        self._waiting: dict[int, int | None] = {}
        self._shown_at: float | None = None
        self._mean = 1 / 30

    @property
    def lost(self) -> bool:
        """Whether only a keyframe helps: at the beginning, and after a packet was given up."""
        return self._next is None

    def resume(self, number: int, came: Mapping[int, int | None], now: float) -> None:
        """A keyframe is whole, and its last packet has this extended number.

        ``came``: its packets and what came meanwhile, each with the timestamp of the frame that it ends, if any.
        """
        self._next = number
        self._waiting = {later: ends for later, ends in came.items() if later >= number}
        self._go_on(now)

    def give_up(self) -> None:
        """Something is missing that will not come any more: nothing after it can be decoded."""
        self._next = None
        self._waiting.clear()

    def receive(self, number: int, ends: int | None, now: float) -> None:
        """A packet arrived for the first time; ``ends`` is the timestamp of the frame that it ends, if it ends one."""
        expected = self._next
        if expected is None or number < expected:
            return
        if number > expected:
            self._waiting[number] = ends
            return
        if ends is not None:
            self._show(ends, now)
        self._next = expected + 1
        if self._waiting:
            self._go_on(now)

    def receive_run(self, first: int, ends: list[int | None], times: list[float]) -> None:
        """The same for packets with consecutive numbers."""
        if self._next != first or self._waiting:
            for number, (end, now) in enumerate(zip(ends, times, strict=True), first):
                self.receive(number, end, now)
            return
        for end, now in zip(ends, times, strict=True):
            if end is not None:
                self._show(end, now)
        self._next = first + len(ends)

    def still(self, now: float) -> float:
        """Seconds of standing still until now, a freeze that goes on included."""
        if self._shown_at is None or not self._is_freeze(now - self._shown_at):
            return self.frozen
        return self.frozen + now - self._shown_at

    def _go_on(self, now: float) -> None:
        number, waiting = self._next or 0, self._waiting
        while number in waiting:
            ends = waiting.pop(number)
            if ends is not None:
                self._show(ends, now)
            number += 1
        self._next = number

    def _show(self, timestamp: int, now: float) -> None:
        now += max(0.0, self.hold_back.arrive(timestamp, now))
        if self._shown_at is not None:
            now = max(now, self._shown_at)
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

    __slots__ = ("hold_back", "late")

    def __init__(self) -> None:
        self.hold_back = HoldBack(_AUDIO_CLOCK)
        self.late = 0

    def receive(self, timestamp: int, now: float) -> None:
        """A packet with this RTP timestamp arrived for the first time."""
        if self.hold_back.arrive(timestamp, now) < 0:
            self.late += 1
