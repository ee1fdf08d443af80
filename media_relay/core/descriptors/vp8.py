"""The VP8 payload descriptor (RFC 7741 section 4.2)."""

from __future__ import annotations

from typing import Final

_X: Final = 0x80
_I: Final = 0x80
_L: Final = 0x40
_T: Final = 0x20
_K: Final = 0x10
_M: Final = 0x80
_Y: Final = 0x20


def starts_keyframe(view: memoryview, start: int, end: int) -> bool:
    """Whether the first partition begins here and the frame header's P bit is zero (section 4.3)."""
    if start >= end or view[start] & 0x17 != 0x10:  # S set, partition index 0
        return False
    position = payload_start(view, start, end)
    return position < end and not view[position] & 0x01


def payload_start(view: memoryview, start: int, end: int) -> int:
    """Where the descriptor ends; at or past ``end`` when it is cut short."""
    if start >= end or not view[start] & _X:
        return start + 1
    if start + 2 >= end:
        return end
    flags = view[start + 1]
    position = start + 2
    if flags & _I:
        position += 2 if view[position] & _M else 1
    if flags & _L:
        position += 1
    if flags & (_T | _K):
        position += 1
    return position


def picture_ids(view: memoryview, start: int, end: int) -> tuple[int, int]:
    """Picture id and TL0PICIDX, -1 for each that is absent."""
    if payload_start(view, start, end) >= end or not view[start] & _X:
        return -1, -1
    flags = view[start + 1]
    position = start + 2
    picture = tl0 = -1
    if flags & _I:
        picture = view[position]
        position += 1
        if picture & _M:
            picture = (picture & 0x7F) << 8 | view[position]
            position += 1
    if flags & _L:
        tl0 = view[position]
    return picture, tl0


def shift_ids(view: memoryview, start: int, end: int, picture: int, tl0: int) -> None:
    """Add to both ids in place, each in its own width; the flag of the long form stays."""
    if payload_start(view, start, end) >= end or not view[start] & _X:
        return
    flags = view[start + 1]
    position = start + 2
    if flags & _I:
        first = view[position]
        if first & _M:
            value = ((first & 0x7F) << 8 | view[position + 1]) + picture
            view[position] = _M | value >> 8 & 0x7F
            view[position + 1] = value & 0xFF
            position += 2
        else:
            view[position] = first + picture & 0x7F
            position += 1
    if flags & _L:
        view[position] = view[position] + tl0 & 0xFF


def has_temporal_layers(view: memoryview, start: int, end: int) -> bool:
    """Whether the descriptor has a temporal id (T)."""
    return payload_start(view, start, end) < end and bool(view[start] & _X and view[start + 1] & _T)


def begins_frame(view: memoryview, start: int, end: int) -> bool:
    """Whether this is the first packet of a frame: the first partition's start."""
    return start < end and view[start] & 0x17 == 0x10


def temporal_layer(view: memoryview, start: int, end: int) -> tuple[int, bool]:
    """The temporal id, 0 where there is none, and whether one may begin to decode its layer here (TID and Y)."""
    position = payload_start(view, start, end)
    if position >= end or not view[start] & _X or not view[start + 1] & _T:
        return 0, False
    last = view[position - 1]
    return last >> 6, bool(last & _Y)
