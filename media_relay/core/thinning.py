"""The lower layers of a track, numbered without gaps: what a subscriber gets who is not given all of it.

Packets of upper layers are left out, and those that stay take the numbers that follow each other. A packet that is
missing when a later one comes might be of any layer, so its number is kept for it. When it comes at last it is sent
under that number, whatever layer it is of: else a client would ask for it in vain. The same goes for VP8's picture
ids, which must not have gaps either (RFC 7741 section 4.2); those of VP9 and the frame numbers of AV1 tell what a frame
is predicted from, and stay as they are.

Numbers once given are never given again, so that a retransmission is always the same packet (RFC 3711 section 9.1).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from media_relay.core.descriptors import picture_ids
from media_relay.core.history import SLOT, History
from media_relay.core.layering import ENDS, Layering
from media_relay.core.packet import Codec, payload_of

_LOOK_BACK: Final = 256
_PICTURES: Final = 128
"""Pictures whose ids are remembered for packets that come late."""


class Thinning:
    """Some lower layers of a track, with numbers of their own."""

    __slots__ = (
        "_dropped",
        "_history",
        "_layering",
        "_origins",
        "_picture",
        "_pictures",
        "_since",
        "_spatial",
        "_temporal",
        "_top",
        "highest",
        "numbers",
        "pictures",
        "sent",
    )

    def __init__(self, history: History, layering: Layering, spatial: int, temporal: int) -> None:
        self._history = history
        self._layering = layering
        self._spatial = spatial
        self._temporal = temporal
        self._since = 0
        """First number of the track that was numbered here since the last pause."""
        self._top: int | None = None
        """Newest number of the track that was looked at."""
        self.highest = 0
        """Newest number given."""
        self.sent = 0
        """The same after the last batch was sent."""
        self.numbers = array("q", [-1]) * history.slots
        """By slot of the track: the number given to its packet, or -1."""
        self._origins = array("q", [-1]) * history.slots
        """By number given: the number on the track."""
        self._picture: int | None = None
        self._dropped = 0
        self._pictures = array("H", bytes(2 * _PICTURES))
        self.pictures = array("H", bytes(2 * history.slots))
        """By slot: what to take from the picture id."""

    def keeps(self, slot: int) -> bool:
        """Whether the packet in a slot is of these layers."""
        layering = self._layering
        return layering.spatial[slot] <= self._spatial and layering.temporal[slot] <= self._temporal

    def ends_picture(self, slot: int) -> bool:
        """Whether the packet is the last of a picture for those who get no higher layer: it bears the marker."""
        layering = self._layering
        return layering.spatial[slot] == self._spatial and bool(layering.flags[slot] & ENDS)

    def take(self, slots: Sequence[int], codec: int) -> None:
        """Number the packets of a batch. Called for every batch while anybody gets these layers."""
        sequence = self._history.sequence
        top = self._top
        if top is None:
            # A late packet from before has no number here; whoever begins begins with one of these.
            top = min(map(sequence, slots)) - 1
            self._since = top + 1
        for slot in slots:
            number = sequence(slot)
            if number > top:
                for missing in range(max(top + 1, number - self._history.slots + 1), number):
                    self._give(missing)
                top = number
                if self.keeps(slot):
                    self._give(number)
                else:
                    self.numbers[slot] = -1
            if codec == Codec.VP8:
                self._note_picture(slot)
        self._top = top

    def pause(self) -> None:
        """Nobody gets these layers for now."""
        self._top = self._picture = None

    def _give(self, number: int) -> None:
        self.highest += 1
        self.numbers[number % self._history.slots] = self.highest
        self._origins[self.highest % self._history.slots] = number

    def _note_picture(self, slot: int) -> None:
        start = slot * SLOT
        view = self._history.view
        picture, _ = picture_ids(
            Codec.VP8, view, payload_of(view, start), start + self._history.lengths[slot]
        )
        if picture < 0:
            return
        extended = picture if self._picture is None else _extend_picture(picture, self._picture)
        if self._picture is None or extended - self._picture > _PICTURES:
            self._picture = extended - 1
        if extended > self._picture:
            for missing in range(self._picture + 1, extended + 1):
                self._pictures[missing % _PICTURES] = self._dropped & 0x7FFF
            self._picture = extended
            if not self.keeps(slot):
                self._dropped += 1
        self.pictures[slot] = self._pictures[extended % _PICTURES]

    def number_at(self, slot: int) -> int:
        """The number given to the packet in a slot of the track, or -1."""
        return self.numbers[slot] if self._history.sequence(slot) >= self._since else -1

    def number_before(self, number: int) -> int:
        """The number given to the track's packet, or to the last before it that was given one."""
        for candidate in range(number, max(number - _LOOK_BACK, self._since - 1), -1):
            given = self.numbers[candidate % self._history.slots]
            if given >= 0:
                return given
        return self.sent

    def slot_of(self, number: int) -> int:
        """The slot of the packet that was given this number, or -1."""
        origin = self._origins[number % self._history.slots]
        slot = self._history.find(origin) if origin >= 0 else -1
        return slot if slot >= 0 and self.numbers[slot] == number else -1


def _extend_picture(picture: int, near: int) -> int:
    """The picture id nearest to ``near``, of 15 bits; nobody sends layers with ids of 7 bits."""
    return near + (picture - near + 0x4000 & 0x7FFF) - 0x4000
