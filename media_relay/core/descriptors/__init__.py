"""What codecs say about a packet in front of their payload: keyframes, layers, picture ids.

Pure functions on ``view[start:end]``, the payload of one packet. A malformed payload is never an error here: it has no
ids, belongs to the lowest layer and starts no keyframe, and goes on to decoders, who have to cope with it anyway.
"""

from __future__ import annotations

from typing import Final

from media_relay.core.descriptors import av1, vp8, vp9
from media_relay.core.packet import Codec, Extension, find_element, payload_of

NO_IDS: Final = (-1, -1)
"""Of a packet that carries neither a picture id nor a TL0PICIDX."""


def picture_ids(codec: int, view: memoryview, start: int, end: int) -> tuple[int, int]:
    """Picture id and TL0PICIDX of a packet; -1 for each that it does not carry."""
    if codec == Codec.VP8:
        return vp8.picture_ids(view, start, end)
    if codec == Codec.VP9:
        return vp9.picture_ids(view, start, end)
    return NO_IDS


def packet_ids(codec: int, view: memoryview, start: int, end: int) -> tuple[int, int]:
    """The same of the canonical packet ``view[start:end]``; of AV1 its frame number and no TL0PICIDX."""
    if codec == Codec.AV1:
        value, after = find_element(view, start, Extension.DEPENDENCY_DESCRIPTOR)
        return av1.frame_number(bytes(view[value:after])), -1
    return picture_ids(codec, view, payload_of(view, start), end)


def shift_ids(codec: int, view: memoryview, start: int, end: int, picture: int, tl0: int) -> None:
    """Add to the picture id and the TL0PICIDX of a packet in place, each in the width that it has."""
    if codec == Codec.VP8:
        vp8.shift_ids(view, start, end, picture, tl0)
    elif codec == Codec.VP9:
        vp9.shift_ids(view, start, end, picture, tl0)
