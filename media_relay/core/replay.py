"""Pictures out of the history ring at a pace of one's own: for those who join, and for those whose link is narrow.

A newcomer is sent what came since the last keyframe: its first picture then neither waits for a new one nor costs the
others one, and after that it gets what comes, like everybody else. A subscriber with a narrow link goes on like that, a
little behind the present. Sequence numbers are continuous: the client sees an ordinary stream.
"""

from __future__ import annotations

from typing import Final

from media_relay.core.history import SLOT, History
from media_relay.core.packet import HEADER
from media_relay.core.thinning import Thinning

MAX_AGE: Final = 2.5
"""Seconds: a picture older than that is further behind than waiting for a new one would be."""
MAX_PACKETS: Final = 600
_SPARE: Final = 64
_TAG: Final = 16
"""Bytes that SRTP adds to a packet."""


class Replay:
    """Where one subscriber stands between a keyframe and now."""

    __slots__ = ("_next",)

    def __init__(self, keyframe: int) -> None:
        """``keyframe`` is the extended number of the first packet to send, that of a keyframe or of what follows."""
        self._next = keyframe

    @property
    def last(self) -> int:
        """The extended number of the packet before the next one to send."""
        return self._next - 1

    def step(
        self, history: History, highest: int, budget: int, thinning: Thinning | None = None
    ) -> tuple[list[int], int]:
        """The slots to send now, oldest first, and what is left of a budget of so many bytes.

        The last packet may take more than is left. Packets that were lost are left to NACKs, and those that
        ``thinning`` leaves out cost nothing.
        """
        slots: list[int] = []
        # What the ring no longer holds need not be looked for, number by number, after a publisher jumped far ahead.
        self._next = max(self._next, highest - history.slots)
        while self._next <= highest and budget > 0:
            slot = history.find(self._next)
            if slot >= 0 and (thinning is None or thinning.numbers[slot] >= 0):
                slots.append(slot)
                budget -= history.lengths[slot]
            self._next += 1
        return slots, budget

    def ahead(self, history: History, highest: int) -> list[int]:
        """The slots of all that is still to be sent, oldest first."""
        slots = (
            history.find(number) for number in range(max(self._next, highest - history.slots), highest + 1)
        )
        return [slot for slot in slots if slot >= 0]

    def behind(self, history: History, highest: int) -> bool:
        """Whether it has fallen so far behind that the history is about to lose what comes next."""
        return highest - self._next > history.slots - _SPARE

    def done(self, highest: int) -> bool:
        """Whether the subscriber has caught up."""
        return self._next > highest


def picture_octets(history: History, keyframe: int, highest: int) -> int:
    """About how many bytes the picture has on the wire that begins with the packet of this extended number."""
    octets, timestamp = 0, None
    for number in range(keyframe, min(highest, keyframe + MAX_PACKETS) + 1):
        slot = history.find(number)
        if slot < 0:
            continue
        _, _, _, at, _ = HEADER.unpack_from(history.view, slot * SLOT)
        if timestamp not in (None, at):
            break
        timestamp = at
        octets += history.lengths[slot] + _TAG
    return octets


def worth_replaying(keyframe: int, began_at: float, highest: int, now: float) -> bool:
    """Whether a newcomer is better off with the last keyframe than with a new one.

    Not across a wrap of the 16-bit numbers: a client that loses all that was sent before it would count one rollover
    too few (RFC 3711 section 3.3.1).
    """
    recent = now - began_at <= MAX_AGE and highest - keyframe < MAX_PACKETS
    return recent and keyframe >> 16 == highest >> 16
