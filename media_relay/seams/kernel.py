"""The native kernel seen from Python: loaded where it was built, checked before it is used.

It works on memory that Python owns: the history ring, one rendered batch, the sender's queue. See
``media_relay/native/kernel.c``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from media_relay.core.blocks import Pattern
from media_relay.core.forwarding import Batch, Layout, WireFormat
from media_relay.core.history import History
from media_relay.core.packet import HEADER_SIZE, NO_LEVEL, Codec
from media_relay.core.track import Run, Source, Track
from media_relay.core.transport_log import TransportLog
from media_relay.native import library
from media_relay.seams.datagrams import Address, Receiver, Sender, ffi
from media_relay.seams.srtp import PROTECT_ADDRESS, UNPROTECT_ADDRESS

NATIVE: Final = "native"
PYTHON: Final = "python"
MAX_TARGETS: Final = 128
"""Most targets of one copy."""
_STRUCTURES: Final = (
    *("mmsghdr_t", "iovec_t", "tt_address", "tt_wire", "tt_batch", "tt_queue", "tt_targets"),
    *("tt_inbox", "tt_source", "tt_run"),
)
_MAX_WIRES: Final = 4_096
_MAX_RUN: Final = 128
_BLOCK: Final = 64
_CANONICAL: Final = 80
"""Bytes of the longest blocks that are known by their looks, as they come and as they are stored."""


def _new(kind: str, *value: Any) -> Any:
    """C data that mypy knows nothing of."""
    return ffi.new(kind, *value)


class KernelError(Exception):
    """The library cannot be loaded, or was built for other structures."""


def load(path: Path | None = None) -> Any:
    """The library at ``path``, by default the one built from the present source; ``None`` when there is none.

    Raises :class:`KernelError`.
    """
    path = path or library()
    if not path.exists():
        return None
    try:
        found: Any = ffi.dlopen(str(path))
        sizes = ffi.new("int32_t[]", len(_STRUCTURES))
        found.tt_sizes(sizes)
    except (OSError, AttributeError) as error:
        raise KernelError(str(error)) from error
    if list(sizes) != [ffi.sizeof(name) for name in _STRUCTURES]:
        raise KernelError(f"{path} was built for other structures")
    return found


def choose(wanted: bool, max_segments: int) -> tuple[Kernel | None, str]:
    """The kernel, if it is wanted and there; and in a word, with the reason where it is broken, what forwards."""
    try:
        found = load() if wanted else None
    except KernelError as error:
        return None, f"{PYTHON}: {error}"
    return (None, PYTHON) if found is None else (Kernel(found, max_segments), NATIVE)


@dataclass(frozen=True, slots=True)
class Followed:
    """A source whose packets are known by their looks."""

    native: Any
    history: History
    """What it points to."""
    pattern: Pattern
    payload_type: int
    codec: Codec
    body: int
    """Where in each of its stored packets the payload begins."""


@dataclass(frozen=True, slots=True)
class Part:
    """Up to :data:`MAX_TARGETS` targets, side by side in memory."""

    count: int
    contexts: Any
    addresses: Any
    destinations: list[Address]
    """What the addresses point to."""
    logs: list[TransportLog]


class Target(Protocol):
    """A subscriber that is ready to receive."""

    @property
    def context(self) -> Any:
        """libsrtp's outbound context."""

    @property
    def destination(self) -> Address:
        """Where to send."""

    @property
    def transport(self) -> TransportLog:
        """The transport-wide numbers of what it is sent."""


@dataclass(slots=True)
class Opened:
    """The run that was opened last; one object serves for all of them."""

    run: Run = field(default_factory=Run)
    refused: bool = False
    """Whether libsrtp refused the packet after it."""
    received: int = 0
    """Bytes on the wire."""
    numbers: list[int] = field(default_factory=list)
    """Transport-wide ones, where there are any, and when those packets came."""
    arrivals: list[float] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)


class Kernel:
    """On the way in one run at a time; on the way out one batch, rendered here or by Python into :attr:`view`."""

    def __init__(self, found: Any, max_segments: int) -> None:
        """``found`` is what :func:`load` returned."""
        self._render, self._copy, self._forward = found.tt_render, found.tt_copy, found.tt_forward
        self._max_segments = max_segments
        self._batch = _new("tt_batch *")
        self.view = memoryview(ffi.buffer(self._batch.bytes)).cast("B")
        """Where the packets of the batch lie."""
        self._numbers = memoryview(ffi.buffer(self._batch.number)).cast("B")
        self._slots = _new("int32_t[]", len(self._batch.packet))
        self._targets = _new("tt_targets *")
        self._firsts = self._targets.first
        self._protect: Any = ffi.cast("void *", PROTECT_ADDRESS)
        self._take, self._unprotect = found.tt_take, ffi.cast("void *", UNPROTECT_ADDRESS)
        self._run = run = _new("tt_run *")
        self.opened = Opened()
        """What the last :meth:`open` found."""
        # Slices of memory are read in half the time that fields of structures take.
        self._run_head = memoryview(ffi.buffer(run)).cast("B")[: ffi.offsetof("tt_run", "number")].cast("i")
        self._run_numbers = memoryview(ffi.buffer(run.number)).cast("B").cast("H")
        self._run_levels = memoryview(ffi.buffer(run.level)).cast("B")
        self._run_timestamps = memoryview(ffi.buffer(run.timestamp)).cast("B").cast("I")
        self._run_arrivals: Any = memoryview(ffi.buffer(run.arrival)).cast("B").cast("d")
        self._wires: dict[int, tuple[WireFormat, Any]] = {}
        """By identity: a subscriber has one for each kind, for as long as it is there."""

    # --- on the way in ----------------------------------------------------------------------------------------------

    def follow(
        self, track: Track, source: Source, payload_type: int, pattern: Pattern | None, tag: int
    ) -> None:
        """Take the source's next packets by :meth:`open`, if they look like the last one, which was like this."""
        handle = source.handle
        if isinstance(handle, Followed) and handle.pattern is pattern and handle.payload_type == payload_type:
            return
        source.handle = None
        codec = source.codecs.get(payload_type)
        if (
            codec is None
            or pattern is None
            or len(pattern.mask) > _BLOCK
            or len(pattern.canonical) > _CANONICAL
        ):
            return
        stored, lengths, slots = self._handle(track.history)
        sequences = ffi.cast("int64_t *", track.history.sequences.buffer_info()[0])
        native = _new(
            "tt_source *",
            (
                *(source.ssrc, track.ssrc, payload_type, codec, tag),
                *(len(pattern.mask), pattern.number_at, pattern.level_at),
                *(len(pattern.canonical), pattern.canonical_level),
                *(pattern.mask, pattern.fixed, pattern.canonical),
                *(stored, lengths, sequences, slots),
            ),
        )
        body = HEADER_SIZE + len(pattern.canonical)
        source.handle = Followed(native, track.history, pattern, payload_type, codec, body)

    def open(
        self, inbox: Receiver, begin: int, end: int, context: Any, track: Track, source: Source, now: float
    ) -> int:
        """Open and store the run of the source's packets with which these datagrams begin.

        Returns how many there are, and leaves in :attr:`opened` what else is known of them.
        """
        handle, outgoing, opened = source.handle, track.next_number(source), self.opened
        opened.refused = False
        if handle is None or outgoing < 0:
            return 0
        followed: Followed = handle  # type: ignore[assignment]
        first = source.highest + 1
        if end - begin > _MAX_RUN:
            end = begin + _MAX_RUN
        self._take(
            inbox.native, begin, end, followed.native, context, self._unprotect,
            first & 0xFFFF, outgoing, source.timestamp_offset & 0xFFFFFFFF, now, self._run,
        )  # fmt: skip
        count, refused, frames, octets, received, starts = self._run_head
        if refused:
            opened.refused = True
        if not count:
            return 0
        opened.received = received
        pattern, run = followed.pattern, opened.run
        if pattern.number_at >= 0:
            opened.numbers = self._run_numbers[:count].tolist()
            opened.arrivals = self._run_arrivals[:count].tolist()
        else:
            opened.numbers = []
        if not track.is_video:
            level = pattern.level_at >= 0
            opened.levels = self._run_levels[:count].tolist() if level else [NO_LEVEL] * count
        run.first, run.outgoing, run.codec, run.body = first, outgoing, followed.codec, followed.body
        run.timestamps = self._run_timestamps[:count].tolist()
        run.frames, run.octets, run.starts = frames, octets, starts
        return count

    # --- on the way out ---------------------------------------------------------------------------------------------

    def render(self, history: History, slots: Sequence[int], wire: WireFormat) -> Batch | None:
        """Lay a batch out; ``None``: it has something that is left to Python."""
        count = len(slots)
        self._slots[0:count] = slots
        known = self._wires.get(id(wire)) or self._translate(wire)
        batch = self._batch
        if self._render(*self._handle(history), self._slots, count, known[1], self._max_segments, batch):
            return None
        return self._laid_out()

    def _laid_out(self) -> Batch:
        batch = self._batch
        numbers = array("H")
        numbers.frombytes(self._numbers[: 2 * batch.packets])
        return Batch(batch.ssrc, numbers, batch.size)

    def forward(
        self, history: History, slots: Sequence[int], wire: WireFormat, sender: Sender, part: Part
    ) -> Batch | None:
        """:meth:`render` and :meth:`copy` in one call, which half of the batches are too small to make twice.

        Ask :meth:`refused` whom of the part it could not be protected for.
        """
        count, size, targets = part.count, len(slots), self._targets
        known = self._wires.get(id(wire)) or self._translate(wire)
        self._slots[0:size] = slots
        self._aim(part, [log.next for log in part.logs])
        end = self._forward(
            *self._handle(history), self._slots, size, known[1], self._max_segments,
            self._batch, sender.lend(), targets, count, self._protect,
        )  # fmt: skip
        if end < 0:
            return None
        sender.take_back()
        if targets.connected:
            self._write(sender, part.destinations, 0, end)
        if end < count:
            sender.flush()
            self._copy_from(end, sender, part, wire)
        return self._laid_out()

    def take(self, layout: Layout) -> Batch:
        """Take what Python laid out in :attr:`view`."""
        batch = self._batch
        batch.packets, batch.messages, batch.size = len(layout.packets), len(layout.messages), layout.size
        batch.packet[0 : batch.packets] = layout.packets
        batch.message[0 : batch.messages] = layout.messages
        return layout.batch

    def layout(self) -> Layout:
        """How the batch lies in :attr:`view`."""
        batch = self._batch
        numbers = array("H", batch.number[0 : batch.packets])
        return Layout(
            [(p.offset, p.length) for p in batch.packet[0 : batch.packets]],
            [(m.offset, m.size, m.segment) for m in batch.message[0 : batch.messages]],
            batch.size,
            Batch(batch.ssrc, numbers, batch.size),
        )

    @staticmethod
    def prepare(targets: Sequence[Target]) -> list[Part]:
        """Targets as :meth:`copy` wants them; good as long as none of them moves to another address."""
        parts = []
        for start in range(0, len(targets), MAX_TARGETS):
            part = targets[start : start + MAX_TARGETS]
            destinations = [target.destination for target in part]
            parts.append(
                Part(
                    len(part),
                    _new("void *[]", [target.context for target in part]),
                    _new("tt_address *[]", [address.pointer for address in destinations]),
                    destinations,
                    [target.transport for target in part],
                )
            )
        return parts

    def copy(self, sender: Sender, part: Part, firsts: Sequence[int], wire: WireFormat) -> list[int]:
        """Queue the batch for targets with these first transport-wide numbers. A full queue is flushed.

        Returns the indexes of those for whom libsrtp refused a packet, and who get nothing of the batch.
        """
        self._aim(part, firsts)
        self._copy_from(0, sender, part, wire)
        return self.refused(part)

    def refused(self, part: Part) -> list[int]:
        """Whom of the part the last batch could not be protected for, by index."""
        targets = self._targets
        return [index for index in range(part.count) if targets.base[index] < 0] if targets.refused else []

    def _aim(self, part: Part, firsts: Sequence[int]) -> None:
        targets = self._targets
        targets.context, targets.address = part.contexts, part.addresses
        if part.count == 1:
            self._firsts[0] = firsts[0]
        else:
            self._firsts[0 : part.count] = firsts
        targets.refused = targets.connected = 0

    def _copy_from(self, begin: int, sender: Sender, part: Part, wire: WireFormat) -> None:
        count, batch, targets = part.count, self._batch, self._targets
        numbered, tag, protect = bool(wire.transport), wire.tag, self._protect
        while True:
            queue = sender.lend()
            end = self._copy(batch, queue, targets, begin, count, numbered, tag, protect)
            sender.take_back()
            if targets.connected:
                self._write(sender, part.destinations, begin, end)
            if end == count:
                return
            begin = end
            sender.flush()

    def _write(self, sender: Sender, addresses: Sequence[Address], begin: int, end: int) -> None:
        """Hand the copies of those who are reached over connections to these."""
        targets, messages = self._targets, self.layout().messages
        for index in range(begin, end):
            base = targets.base[index]
            if addresses[index].pointer == ffi.NULL and base >= 0:
                for offset, size, segment in messages:
                    sender.queue(addresses[index], base + offset, size, segment)

    @staticmethod
    def _handle(history: History) -> tuple[Any, Any, int]:
        """Pointers to its packets and lengths, good as long as it lives, and the number of its slots.

        Nothing that holds a buffer is kept: the collector of garbage cannot take apart a cycle with a memoryview in it
        that has exports, as of CPython 3.11.
        """
        handle: Any = history.handle
        if handle is None:
            stored = ffi.cast("uint8_t *", ffi.from_buffer(history.view))
            handle = stored, ffi.cast("uint16_t *", history.lengths.buffer_info()[0]), history.slots
            history.handle = handle
        return handle  # type: ignore[no-any-return]

    def _translate(self, wire: WireFormat) -> tuple[WireFormat, Any]:
        if len(self._wires) >= _MAX_WIRES:
            self._wires.clear()
        native = _new("tt_wire *", (wire.payload_types, list(wire.extensions), wire.tag, wire.transport))
        self._wires[id(wire)] = wire, native
        return wire, native
