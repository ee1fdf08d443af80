"""Instant join: what a newcomer gets of the past, from the last keyframe up to now, at a bounded pace.

The newcomer's first picture then neither waits for a new keyframe nor costs the others one. After the replay it gets
what comes, like everybody else. Sequence numbers are continuous: the client sees an ordinary stream that begins fast.
"""

from __future__ import annotations

from typing import Final

from media_relay.core.history import History

MAX_AGE: Final = 2.5
"""Seconds: a picture older than that is further behind than waiting for a new one would be."""
MAX_PACKETS: Final = 600
BYTES_PER_STEP: Final = 20_000
"""In 20 ms: 8 Mbit/s, three times a lesson's rate, and what a site's line of 10 Mbit/s takes."""


class Replay:
    """Where one subscriber stands between a keyframe and now."""

    __slots__ = ("_next",)

    def __init__(self, keyframe: int) -> None:
        """``keyframe`` is the extended number of the keyframe's first packet."""
        self._next = keyframe

    @property
    def last(self) -> int:
        """The extended number of the packet before the next one to send."""
        return self._next - 1

    def step(self, history: History, highest: int) -> list[int]:
        """The slots to send in these 20 ms, oldest first; packets that were lost are left to NACKs."""
        slots: list[int] = []
        budget = BYTES_PER_STEP
        # What the ring no longer holds need not be looked for, number by number, after a publisher jumped far ahead.
        self._next = max(self._next, highest - history.slots)
        while self._next <= highest and budget > 0:
            slot = history.find(self._next)
            if slot >= 0:
                slots.append(slot)
                budget -= history.lengths[slot]
            self._next += 1
        return slots

    def done(self, highest: int) -> bool:
        """Whether the subscriber has caught up."""
        return self._next > highest


def worth_replaying(keyframe: int, began_at: float, highest: int, now: float) -> bool:
    """Whether a newcomer is better off with the last keyframe than with a new one.

    Not across a wrap of the 16-bit numbers: a client that loses all that was sent before it would count one rollover
    too few (RFC 3711 section 3.3.1).
    """
    recent = now - began_at <= MAX_AGE and highest - keyframe < MAX_PACKETS
    return recent and keyframe >> 16 == highest >> 16
