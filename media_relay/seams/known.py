"""The sources whose next packets the native kernel knows by their looks: who they are, and what comes next of them.

What is expected of a source lies in memory that the kernel moves on with every packet it takes. Whatever else changes
that (a packet that Python took, subscribers with other codecs) is followed by :meth:`Followed.expect`, a source or an
address that is gone by :meth:`Followed.drop`. A packet that is not as expected is left to Python.
"""

from __future__ import annotations

import secrets
from array import array
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from media_relay.core.blocks import Pattern
from media_relay.core.packet import HEADER_SIZE, Codec
from media_relay.core.track import Run, Source, Track
from media_relay.seams.datagrams import ffi
from media_relay.seams.rings import pointers

_BUCKETS: Final = 4_096
"""As many as a full node has sources. A power of two."""
_NAME: Final = 28
_BLOCK: Final = 64
_CANONICAL: Final = 80
"""Bytes of the longest blocks that are known by their looks, as they come and as they are stored."""


@dataclass(slots=True)
class Opened:
    """A run that was opened; one object serves for all of them, one after the other."""

    run: Run = field(default_factory=Run)
    taken: int = 0
    received: int = 0
    """Bytes on the wire."""
    numbers: list[int] = field(default_factory=list)
    """Transport-wide ones, where there are any, and when those packets came."""
    arrivals: list[float] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)


class Origin(Protocol):
    """Whoever sends packets that the kernel may take."""

    @property
    def left(self) -> array[int]:
        """One number: how many packets it may still send."""

    @property
    def stream(self) -> Any:
        """Where it sends."""

    def take_run(self, track: Track, source: Source, opened: Opened, now: float) -> None:
        """Take note of a run of one of its sources."""

    def expect(self) -> None:
        """Tell the kernel what comes next."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A source whose packets are known by their looks, and all that its memory in the kernel points to."""

    native: Any
    index: int
    known: Known
    origin: Origin
    name: bytes
    """The socket address it sends from."""
    track: Track
    source: Source
    pattern: Pattern
    payload_type: int
    codec: Codec
    body: int
    """Where in each of its stored packets the payload begins."""

    def drop(self) -> None:
        """Look at each packet of it again: it is gone, or comes from elsewhere, or looks different now."""
        self.source.handle = None
        self.known.remove(self)

    def expect(self) -> None:
        """What comes next, after anything but the kernel changed it."""
        native, source = self.native, self.source
        native.outgoing = self.track.next_number(source)
        native.next = source.highest + 1 & 0xFFFF
        native.timestamp_offset = source.timestamp_offset & 0xFFFFFFFF


class Known:
    """All of them, by the number that the kernel calls them by."""

    def __init__(self, found: Any) -> None:
        """``found`` is the kernel's library."""
        self._follow, self._drop = found.tt_follow, found.tt_drop
        self._buckets: Any = ffi.new("tt_source *[]", _BUCKETS)
        self.native: Any = ffi.new("tt_known *", (self._buckets, secrets.randbits(64) | 1, _BUCKETS - 1))
        self.by_index: dict[int, Followed] = {}
        self._made = 0

    def follow(
        self, origin: Origin, name: bytes, context: Any, tag: int, track: Track, source: Source,
        payload_type: int, pattern: Pattern | None,
    ) -> None:  # fmt: skip
        """Let the kernel take the source's next packets from this address, if they look like this one."""
        handle = source.handle
        if isinstance(handle, Followed):
            if handle.pattern is pattern and handle.payload_type == payload_type and handle.name == name:
                return
            handle.drop()
        codec = source.codecs.get(payload_type)
        if codec is None or pattern is None or len(name) != _NAME:
            return
        if len(pattern.mask) > _BLOCK or len(pattern.canonical) > _CANONICAL:
            return
        self._made = self._made + 1 & 0x7FFFFFFF
        native = self._native(origin, name, context, tag, track, source, payload_type, pattern)
        native.codec, native.index = codec, self._made
        source.handle = self.by_index[self._made] = Followed(
            native, self._made, self, origin, name, track, source, pattern, payload_type, codec,
            HEADER_SIZE + len(pattern.canonical),
        )  # fmt: skip
        self._follow(self.native, native)

    @staticmethod
    def _native(
        origin: Origin, name: bytes, context: Any, tag: int, track: Track, source: Source,
        payload_type: int, pattern: Pattern,
    ) -> Any:  # fmt: skip
        stored, lengths, slots = pointers(track.history)
        return ffi.new(
            "tt_source *",
            {
                "ssrc": source.ssrc, "outgoing_ssrc": track.ssrc, "payload_type": payload_type, "tag": tag,
                "block": len(pattern.mask), "number_at": pattern.number_at, "level_at": pattern.level_at,
                "canonical": len(pattern.canonical), "canonical_level": pattern.canonical_level,
                "mask": pattern.mask, "fixed": pattern.fixed, "canonical_block": pattern.canonical,
                "stored": stored, "lengths": lengths, "slots": slots,
                "sequences": ffi.cast("int64_t *", track.history.sequences.buffer_info()[0]),
                "name": name, "context": context, "outgoing": -1,
                "left": ffi.cast("int32_t *", origin.left.buffer_info()[0]),
            },
        )  # fmt: skip

    def remove(self, followed: Followed) -> None:
        """See :meth:`Followed.drop`."""
        if self.by_index.pop(followed.index, None) is not None:
            self._drop(self.native, followed.native)
