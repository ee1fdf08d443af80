"""The VP9 payload descriptor (RFC 9628 section 4.2), as far as a forwarder reads it."""

from __future__ import annotations

from typing import Final, NamedTuple

_I: Final = 0x80
_P: Final = 0x40
_L: Final = 0x20
_F: Final = 0x10
_B: Final = 0x08
_E: Final = 0x04
_M: Final = 0x80


class Layer(NamedTuple):
    """Which layer frame a packet is of."""

    spatial: int
    temporal: int
    switch_up: bool
    """Whether one may begin to decode this temporal layer here (U)."""
    begins: bool
    """First packet of the layer frame (B)."""
    ends: bool
    """Last packet of the layer frame (E)."""
    inter_picture: bool
    """Whether the layer frame is predicted from earlier pictures (P)."""
    inter_layer: bool
    """Whether it is predicted from the layer below (D)."""


LOWEST: Final = Layer(0, 0, False, True, True, True, False)
"""What a packet without layer indices counts as."""


def starts_keyframe(view: memoryview, start: int, end: int) -> bool:
    """Whether the lowest layer's first packet of a picture without prediction from earlier ones is here."""
    if start >= end:
        return False
    first = view[start]
    if first & (_P | _B) != _B:
        return False
    if not first & _L:
        return True
    position = _after_picture_id(view, start, end)
    return position < end and not view[position] >> 1 & 0x07


def _after_picture_id(view: memoryview, start: int, end: int) -> int:
    position = start + 1
    if view[start] & _I:
        if position >= end:
            return end
        position += 2 if view[position] & _M else 1
    return position


def layer(view: memoryview, start: int, end: int) -> Layer:
    """The layer of a packet; :data:`LOWEST` for one without layer indices."""
    if start >= end:
        return LOWEST
    first = view[start]
    begins, ends, inter_picture = bool(first & _B), bool(first & _E), bool(first & _P)
    position = _after_picture_id(view, start, end)
    if not first & _L or position >= end:
        return Layer(0, 0, False, begins, ends, inter_picture, False)
    indices = view[position]
    return Layer(
        spatial=indices >> 1 & 0x07,
        temporal=indices >> 5,
        switch_up=bool(indices & 0x10),
        begins=begins,
        ends=ends,
        inter_picture=inter_picture,
        inter_layer=bool(indices & 0x01),
    )


def picture_ids(view: memoryview, start: int, end: int) -> tuple[int, int]:
    """Picture id and TL0PICIDX, -1 for each that is absent."""
    if start >= end:
        return -1, -1
    first = view[start]
    picture = tl0 = -1
    position = _after_picture_id(view, start, end)
    if position >= end:
        return -1, -1
    if first & _I:
        picture = view[start + 1]
        if picture & _M:
            picture = (picture & 0x7F) << 8 | view[start + 2]
    if first & _L and not first & _F and position + 1 < end:
        tl0 = view[position + 1]
    return picture, tl0


def shift_ids(view: memoryview, start: int, end: int, picture: int, tl0: int) -> None:
    """Add to both ids in place, each in its own width; the flag of the long form stays."""
    if start >= end:
        return
    first = view[start]
    position = _after_picture_id(view, start, end)
    if position >= end:
        return
    if first & _I:
        high = view[start + 1]
        if high & _M:
            value = ((high & 0x7F) << 8 | view[start + 2]) + picture
            view[start + 1] = _M | value >> 8 & 0x7F
            view[start + 2] = value & 0xFF
        else:
            view[start + 1] = high + picture & 0x7F
    if first & _L and not first & _F and position + 1 < end:
        view[position + 1] = view[position + 1] + tl0 & 0xFF
