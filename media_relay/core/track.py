"""One layer of a stream as the relay keeps it: continuous numbers and times, whoever publishes it just now.

A :class:`Source` is one SSRC of one publisher. :meth:`Track.ingest` turns its packets into canonical ones in the
history ring and notes them in the batch that the shell then forwards. Semantics: RFC 7667 section 3.7 (selective
forwarding middlebox).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from media_relay.core import red
from media_relay.core.history import SLOT, History
from media_relay.core.keyframes import KeyframeRequests, starts_keyframe
from media_relay.core.layering import Layering, has_layers
from media_relay.core.nack import NackGenerator
from media_relay.core.packet import (
    HEADER,
    HEADER_SIZE,
    MARKER,
    Codec,
    Extensions,
    canonical_block,
    dependency_block,
    payload_of,
)
from media_relay.core.reception import Reception
from media_relay.core.sender_clock import SenderClock
from media_relay.core.sequence import SequenceMap, extend

VIDEO_SLOTS: Final = 1_024
"""Packets of video kept: three to four seconds at 2.5 Mbit/s."""
LOWER_SLOTS: Final = 512
"""Of the lower layers of a picture, which have fewer packets a second. Powers of two, all of them."""
AUDIO_SLOTS: Final = 256

_NEVER: Final = float("-inf")
_VERSION: Final = 0x80
_PADDING: Final = 0x20
_EXTENDED: Final = 0x10


@dataclass(slots=True)
class Run:
    """Packets of one source that came in order and are in the history already: see :meth:`Track.next_number`.

    One object serves for all runs, one after the other.
    """

    first: int = 0
    """The source's extended number of the first one."""
    outgoing: int = 0
    """Its extended number on the track."""
    codec: Codec = Codec.OPUS
    body: int = 0
    """Where in each stored packet the payload begins."""
    timestamps: list[int] = field(default_factory=list)
    """As they came, one a packet."""
    frames: int = 0
    """How often that changes, and one."""
    octets: int = 0
    """Of payload."""
    starts: int = 0
    """How many of them may be the first of a frame; none of the others begins a keyframe."""


class Source:
    """One SSRC of a publisher: its payload types, its losses and its place in the track's numbering."""

    __slots__ = (
        "adopted",
        "codecs",
        "handle",
        "highest",
        "nacks",
        "reception",
        "sequence",
        "ssrc",
        "timed",
        "timestamp_offset",
    )

    def __init__(self, ssrc: int, codecs: Mapping[int, Codec], clock_rate: int) -> None:
        self.ssrc = ssrc
        self.codecs = codecs
        self.reception = Reception(clock_rate)
        self.nacks = NackGenerator()
        self.adopted = False
        """Whether a track took it as its source; one that was superseded stays silent."""
        self.sequence: SequenceMap | None = None
        """``None`` until packets are numbered: for pictures from the first keyframe on."""
        self.highest = 0
        self.timestamp_offset = 0
        self.timed = False
        """Whether its offset is known already, and only its numbers begin anew."""
        self.handle: object | None = None
        """What whoever stores its packets without Python keeps of it."""


class Track:
    """One layer. All layers of a picture have the same outgoing SSRC. Times are seconds of any monotonic clock."""

    __slots__ = (
        "_keyframe_timestamp",
        "_last_sequence",
        "batch",
        "batch_keyframe",
        "clock",
        "clock_rate",
        "codec",
        "heard_at",
        "forwarded",
        "history",
        "is_video",
        "keyframe_at",
        "keyframe_sequence",
        "keyframes",
        "layering",
        "newest_timestamp",
        "octets",
        "packets",
        "redundant",
        "repeated",
        "repair_ssrc",
        "source",
        "ssrc",
    )

    def __init__(
        self, *, is_video: bool, ssrc: int, repair_ssrc: int, first_sequence: int, slots: int
    ) -> None:
        """``first_sequence`` below 2**15 keeps SRTP's rollover counter unambiguous for the first packets."""
        self.is_video = is_video
        self.ssrc = ssrc
        self.repair_ssrc = repair_ssrc
        """Of retransmissions to subscribers that negotiated them (RFC 4588)."""
        self.keyframes = KeyframeRequests()
        self.codec = 0
        """Canonical payload type of the present source's newest packet, 0 before it."""
        self.clock_rate = 90_000 if is_video else 48_000
        self.history = History(slots)
        self.layering: Layering | None = None
        """Which layers its packets are of, where one source sends several."""
        self.source: Source | None = None
        self._last_sequence = first_sequence - 1
        self.newest_timestamp = 0
        """Outgoing timestamp of the newest packet."""
        self.heard_at = _NEVER
        """When that came."""
        self.batch: list[int] = []
        """Slots of the packets that came since the last :meth:`take_batch`."""
        self.batch_keyframe = -1
        """Index in the batch of the first packet of a keyframe, or -1."""
        self.keyframe_sequence: int | None = None
        """Extended outgoing number of the first packet of the last keyframe."""
        self.keyframe_at = _NEVER
        """When that packet came."""
        self._keyframe_timestamp: int | None = None
        self.forwarded = first_sequence - 1
        """Extended number of the newest packet that was forwarded: :attr:`highest` but for the present batch."""
        self.packets = 0
        self.octets = 0
        self.clock = SenderClock(self.clock_rate)
        self.redundant = False
        """Whether sound is to repeat its last packet: when there is a subscriber that negotiated it."""
        self.repeated = 0
        """Bytes that did so."""

    @property
    def highest(self) -> int:
        """Extended sequence number of the newest packet."""
        return self._last_sequence

    def ingest(
        self,
        source: Source,
        view: memoryview,
        start: int,
        end: int,
        payload: int,
        found: Extensions,
        now: float,
        *,
        repaired: bool = False,
    ) -> bool:
        """Take the plain RTP packet ``view[start:end]`` whose payload begins at ``payload``.

        ``repaired`` tells that it came as a retransmission on another SSRC: it then says nothing about the link.

        False when the packet was left out: padding only, an unknown payload type, a duplicate, too old, too large, or
        a picture before the source's first keyframe. Such pictures must not take numbers: a subscriber that waits
        through 2**15 of them would lose count of SRTP's rollovers (RFC 3711 section 3.3.1).
        """
        first, second, number, timestamp, _ = HEADER.unpack_from(view, start)
        codec = source.codecs.get(second & 0x7F)
        if codec is None:
            return False
        if first & _PADDING:
            end -= view[end - 1]
        if self.source is not source and not self._adopt(source, number):
            return False
        extended = source.highest + 1
        if number != extended & 0xFFFF:
            extended = extend(number, extended - 1)
            if extended - source.highest > self.history.slots:
                self._lose_thread(source)
        if extended > source.highest:
            source.highest = extended
        if not repaired:
            source.reception.receive(extended, timestamp, now)
        source.nacks.receive(extended, now)
        sequence = source.sequence
        if sequence is None:
            if self.is_video and not starts_keyframe(codec, view, payload, end):
                return False
            sequence = self._splice(source, extended, timestamp, now)
        if end <= payload:
            sequence.leave_out(extended)
            return False
        outgoing = sequence.map(extended)
        if outgoing is None or (outgoing <= self._last_sequence and not self._is_missing(outgoing)):
            return False
        return self._store(
            outgoing, second & MARKER | codec, (timestamp + source.timestamp_offset) & 0xFFFFFFFF,
            view, payload, end, found, codec, now,
        )  # fmt: skip

    def next_number(self, source: Source) -> int:
        """The extended number that the source's next packet goes out with, if it comes in order.

        -1 where each packet has to be looked at.
        """
        sequence = source.sequence
        if self.source is not source or sequence is None or (self.redundant and not self.is_video):
            return -1
        outgoing = sequence.next(source.highest + 1)
        return outgoing if outgoing > self._last_sequence else -1

    def take_run(self, source: Source, run: Run, now: float) -> None:
        """The same as :meth:`ingest` for each packet of the run."""
        count = len(run.timestamps)
        last = run.first + count - 1
        source.highest = last
        source.reception.receive_run(run.first, run.timestamps, run.frames, now)
        source.nacks.receive_run(run.first, last, now)
        if source.sequence is not None:
            source.sequence.map(last)
        self._last_sequence = run.outgoing + count - 1
        self.codec = run.codec
        self.newest_timestamp = run.timestamps[-1] + source.timestamp_offset & 0xFFFFFFFF
        self.heard_at = now
        self.packets += count
        self.octets += run.octets
        slots = self.history.slots
        if self.is_video and (run.starts or self.layering is not None):
            for index, timestamp in enumerate(run.timestamps):
                self._show(source, run, run.outgoing + index, timestamp, now)
        elif count == 1:
            self.batch.append(run.outgoing % slots)
        else:
            self.batch += [number % slots for number in range(run.outgoing, run.outgoing + count)]

    def _show(self, source: Source, run: Run, outgoing: int, timestamp: int, now: float) -> None:
        """Look at a stored packet of a picture, and let it be forwarded."""
        history = self.history
        slot = outgoing % history.slots
        payload, end = slot * SLOT + run.body, slot * SLOT + history.lengths[slot]
        key = self.batch_keyframe < 0 and starts_keyframe(run.codec, history.view, payload, end)
        if key and self.layering is None and has_layers(run.codec, history.view, payload, end):
            self.layering = Layering(history.slots)
        if self.layering is not None:
            self.layering.note(slot, run.codec, history.view, payload, end, b"", now)
        if key:
            self._keyframe(outgoing, timestamp + source.timestamp_offset & 0xFFFFFFFF, now)
        self.batch.append(slot)

    def _store(
        self, outgoing: int, second: int, timestamp: int, view: memoryview, payload: int, end: int,
        found: Extensions, codec: Codec, now: float,
    ) -> bool:  # fmt: skip
        dependency = found.dependency
        block = dependency_block(found.carried, dependency) if dependency else canonical_block(found.carried)
        if self.redundant and not self.is_video:
            packed = self._with_the_former(outgoing, timestamp, view[payload:end])
            if packed is not None and HEADER_SIZE + len(block) + len(packed) <= SLOT:
                second = second & MARKER | Codec.RED
                self.repeated += len(packed) - (end - payload)
                view, payload, end = memoryview(packed), 0, len(packed)
        size = HEADER_SIZE + len(block) + end - payload
        if size > SLOT:
            return False
        history = self.history
        slot = history.store(outgoing, size)
        at = slot * SLOT
        stored = history.view
        HEADER.pack_into(stored, at, _VERSION | _EXTENDED, second, outgoing & 0xFFFF, timestamp, self.ssrc)
        body = at + HEADER_SIZE + len(block)
        stored[at + HEADER_SIZE : body] = block
        stored[body : at + size] = view[payload:end]
        if outgoing > self._last_sequence:
            self._last_sequence = outgoing
            self.codec = codec
            self.newest_timestamp = timestamp
            self.heard_at = now
        self.packets += 1
        self.octets += end - payload
        key = self.is_video and self.batch_keyframe < 0 and starts_keyframe(codec, view, payload, end)
        if key and self.layering is None and has_layers(codec, view, payload, end):
            self.layering = Layering(history.slots)
        if self.layering is not None:
            self.layering.note(slot, codec, view, payload, end, dependency, now)
        if outgoing >> 16 != self._last_sequence >> 16:
            # Late across a rollover: a subscriber that began after it would count one rollover too many. It is kept
            # for those that began before it and ask for it.
            return True
        if key:
            self._keyframe(outgoing, timestamp, now)
        self.batch.append(slot)
        return True

    def _with_the_former(self, outgoing: int, timestamp: int, present: memoryview) -> bytes | None:
        """Sound that repeats the packet before it, if that is there.

        Decided once for each packet, when it is stored: sent again it has to be the same (RFC 3711 section 9.1).
        """
        history = self.history
        slot = history.find(outgoing - 1)
        if slot < 0:
            return None
        at = slot * SLOT
        end = at + history.lengths[slot]
        start = payload_of(history.view, at)
        _, second, _, before, _ = HEADER.unpack_from(history.view, at)
        if second & 0x7F == Codec.RED:
            start = red.primary_of(history.view, start)
        return red.pack(Codec.OPUS, timestamp - before & 0xFFFFFFFF, history.view[start:end], present)

    def expects(self, source: Source, number: int) -> bool:
        """Whether the present source's packet with this 16-bit number is the next one: the one before it is there."""
        return self.source is source and source.sequence is not None and number == source.highest + 1 & 0xFFFF

    def lacks(self, source: Source, number: int) -> bool:
        """Whether a packet of the present source, by its 16-bit number, is missing and would still be taken."""
        if self.source is not source or source.sequence is None:
            return False
        outgoing = source.sequence.map(extend(number, source.highest))
        return outgoing is not None and (outgoing > self._last_sequence or self._is_missing(outgoing))

    def _keyframe(self, outgoing: int, timestamp: int, now: float) -> None:
        # In H.264 the parameter sets and the picture each look like a start; only the first of a frame is one.
        if timestamp != self._keyframe_timestamp:
            self._keyframe_timestamp = timestamp
            self.keyframe_sequence, self.keyframe_at = outgoing, now
            self.batch_keyframe = len(self.batch)

    def _is_missing(self, outgoing: int) -> bool:
        """Whether a late packet still has its place in the history, and that is empty."""
        in_reach = outgoing > self._last_sequence - self.history.slots
        return in_reach and self.history.find(outgoing) < 0

    def take_batch(self) -> tuple[list[int], int]:
        """The slots to forward and the index where a keyframe starts (-1: none); the next batch begins empty."""
        batch, keyframe = self.batch, self.batch_keyframe
        self.batch = []
        self.batch_keyframe = -1
        return batch, keyframe

    def sender_report(self, source: Source, ntp: int, timestamp: int, now: float) -> None:
        """A publisher's sender report: its wall clock ``ntp`` at its RTP ``timestamp``."""
        source.reception.sender_report(ntp, now)
        if source.sequence is not None and self.source is source:
            self.clock.note(ntp, timestamp + source.timestamp_offset, now)

    def _adopt(self, source: Source, number: int) -> bool:
        """Follow a new source from now on; one that another has superseded does not come back."""
        if source.adopted:
            return False
        source.adopted = True
        source.highest = number
        self.source = source
        self.clock.begin_anew()
        return True

    def release(self) -> None:
        """Its publisher is gone for good."""
        self.source = None
        self.layering = None
        self.codec = 0
        self.clock.offset = None

    def _lose_thread(self, source: Source) -> None:
        """More is missing than is ever kept or repaired: go on as with a new source, pictures with a keyframe.

        Numbers that nobody will ever be sent would cost every subscriber's bookkeeping as much as if they were.
        """
        if source.sequence is not None:
            source.sequence = None
            source.timed = True
            self.keyframes.ask()

    def _splice(self, source: Source, number: int, timestamp: int, now: float) -> SequenceMap:
        """Continue the outgoing numbers and times with a new source."""
        sequence = source.sequence = SequenceMap(number, self._last_sequence + 1)
        if source.timed:
            return sequence
        outgoing = timestamp
        if self.heard_at > _NEVER:
            outgoing = self.newest_timestamp + max(1, int((now - self.heard_at) * self.clock_rate))
        source.timestamp_offset = outgoing - timestamp
        return sequence
