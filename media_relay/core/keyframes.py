"""Where a keyframe starts, and when to ask a publisher for one."""

from __future__ import annotations

from typing import Final

from media_relay.core.descriptors import av1, vp8, vp9
from media_relay.core.packet import Codec

_MIN_INTERVAL: Final = 0.5
"""Seconds between two requests to one publisher, however many subscribers ask (Galène's figure)."""

_H264_IDR: Final = 5
_H264_SPS: Final = 7
_H264_STAP_A: Final = 24
_H264_FU_A: Final = 28


def starts_keyframe(codec: Codec, view: memoryview, start: int, end: int) -> bool:
    """Whether the payload ``view[start:end]`` is the first packet of a keyframe. Malformed payloads are not."""
    if codec is Codec.VP8:
        return vp8.starts_keyframe(view, start, end)
    if codec is Codec.H264:
        return _starts_h264(view, start, end)
    if codec is Codec.VP9:
        return vp9.starts_keyframe(view, start, end)
    if codec is Codec.AV1:
        return av1.starts_keyframe(view, start, end)
    return True


def _starts_h264(view: memoryview, start: int, end: int) -> bool:
    """RFC 6184: an SPS or an IDR slice, alone, first in a STAP-A, or as the first fragment of an FU-A."""
    if start >= end:
        return False
    kind = view[start] & 0x1F
    if kind == _H264_STAP_A:
        return start + 3 < end and view[start + 3] & 0x1F in (_H264_SPS, _H264_IDR)
    if kind == _H264_FU_A:
        return start + 1 < end and view[start + 1] & 0x80 != 0 and view[start + 1] & 0x1F == _H264_IDR
    return kind in (_H264_SPS, _H264_IDR)


class KeyframeRequests:
    """Coalesces the requests of all subscribers into at most one every half second, repeated until served."""

    __slots__ = ("_sent_at", "pending")

    def __init__(self) -> None:
        self.pending = False
        """Whether somebody waits for a keyframe."""
        self._sent_at = float("-inf")

    def ask(self) -> None:
        """A subscriber needs a keyframe."""
        self.pending = True

    def served(self) -> None:
        """A keyframe began."""
        self.pending = False

    def due(self, now: float) -> bool:
        """Whether to send a request upstream now; counts as sent when true."""
        if not self.pending or now - self._sent_at < _MIN_INTERVAL:
            return False
        self._sent_at = now
        return True
