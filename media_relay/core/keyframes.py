"""Where a keyframe starts, and when to ask a publisher for one."""

from __future__ import annotations

from typing import Final

from media_relay.core.descriptors import av1, vp8, vp9
from media_relay.core.packet import Codec

_MIN_INTERVAL: Final = 0.5
"""Seconds between two requests to one publisher, however many subscribers ask (Galène's figure)."""

_SHORT_WAIT: Final = 2.0
_LONG_WAIT: Final = 5.0
"""Seconds after a keyframe: a little more than what publishers leave between two of their own accord."""
_FORGIVEN_AFTER: Final = 30.0
_NEVER: Final = float("-inf")

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

    __slots__ = ("_not_before", "_sent_at", "pending")

    def __init__(self) -> None:
        self.pending = False
        """Whether somebody waits for a keyframe."""
        self._not_before = _NEVER
        self._sent_at = _NEVER

    def ask(self, not_before: float = _NEVER) -> None:
        """A subscriber needs a keyframe. The publisher need not be told before that time: one may come by then."""
        self._not_before = min(self._not_before, not_before) if self.pending else not_before
        self.pending = True

    def served(self) -> None:
        """A keyframe began."""
        self.pending = False

    def due(self, now: float) -> bool:
        """Whether to send a request upstream now; counts as sent when true."""
        if not self.pending or now < self._not_before or now - self._sent_at < _MIN_INTERVAL:
            return False
        self._sent_at = now
        return True


class KeyframePatience:
    """How long one subscriber has to wait for a keyframe of its own: everybody else would be sent it as well.

    The first is asked for at once. Whoever needs one again and again is in trouble of its own: it then waits for two
    seconds, and later for five, after the last one that came, whoever that was asked by.
    """

    __slots__ = ("_asked_at", "_wait")

    def __init__(self) -> None:
        self._asked_at = _NEVER
        self._wait = 0.0

    def ask(self, keyframe_at: float, now: float) -> float:
        """When to ask the publisher, at the earliest. ``keyframe_at`` is when its last keyframe began."""
        if now - self._asked_at > _FORGIVEN_AFTER:
            self._asked_at, self._wait = now, 0.0
        elif keyframe_at > self._asked_at:
            self._asked_at, self._wait = now, _LONG_WAIT if self._wait else _SHORT_WAIT
        return keyframe_at + self._wait
