"""The native kernel seen from Python: loaded where it was built, checked before it is used.

It works on memory that Python owns: the history ring, one rendered batch, the sender's queue. See
``media_relay/native/kernel.c``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from media_relay.core.forwarding import Batch, Layout, WireFormat
from media_relay.core.history import History
from media_relay.core.packet import NO_LEVEL
from media_relay.core.transport_log import TransportLog
from media_relay.native import library
from media_relay.seams.datagrams import Address, Receiver, Sender, ffi
from media_relay.seams.known import Followed, Known, Opened
from media_relay.seams.rings import pointers
from media_relay.seams.srtp import PROTECT_ADDRESS, UNPROTECT_ADDRESS

NATIVE: Final = "native"
PYTHON: Final = "python"
MAX_TARGETS: Final = 128
"""Most targets of one copy."""
_STRUCTURES: Final = (
    *("mmsghdr_t", "iovec_t", "tt_address", "tt_wire", "tt_batch", "tt_queue", "tt_targets"),
    *("tt_inbox", "tt_source", "tt_known", "tt_run", "tt_story"),
)
_MAX_WIRES: Final = 4_096
RUN: Final = 8
"""Numbers that a run of a story is told in."""


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


class Kernel:
    """On the way in all that came at once; on the way out one batch, rendered here or by Python into :attr:`view`."""

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
        self.known = Known(found)
        """The sources of which it takes packets."""
        self.opened = Opened()
        """The run that was :meth:`read` last."""
        self.story: list[int] = []
        """Of the last :meth:`take`: :data:`RUN` numbers a run."""
        self.forged = 0
        """1 when libsrtp refused the last datagram of it."""
        self._story = story = _new("tt_story *")
        # Slices of memory are read in half the time that fields of structures take.
        self._story_head = (
            memoryview(ffi.buffer(story)).cast("B")[: ffi.offsetof("tt_story", "run")].cast("i")
        )
        self._runs = memoryview(ffi.buffer(story.run)).cast("B").cast("i")
        self._story_numbers = memoryview(ffi.buffer(story.number)).cast("B").cast("H")
        self._story_levels = memoryview(ffi.buffer(story.level)).cast("B")
        self._story_timestamps = memoryview(ffi.buffer(story.timestamp)).cast("B").cast("I")
        self._story_arrivals: Any = memoryview(ffi.buffer(story.arrival)).cast("B").cast("d")
        self._wires: dict[int, tuple[WireFormat, Any]] = {}
        """By identity: a subscriber has one for each kind, for as long as it is there."""

    # --- on the way in ----------------------------------------------------------------------------------------------

    def take(self, inbox: Receiver, begin: int, end: int, now: float) -> int:
        """Open and store the datagrams from ``begin`` on that are as expected, and make :attr:`story` of them.

        Returns how many it dealt with, a last one that was :attr:`forged` included.
        """
        story = self._story
        taken: int = self._take(inbox.native, begin, end, self.known.native, self._unprotect, now, story)
        runs, self.forged = self._story_head
        self.story = self._runs[: RUN * runs].tolist() if runs else []
        return taken

    def read(self, at: int) -> Followed:
        """Fill :attr:`opened` with the run that stands at this place of the story; returns whose it is.

        For packets of one source in order this is all that happens some thousand times a second: hence no new objects.
        """
        index, begin, count, frames, octets, received, starts, _ = self.story[at : at + RUN]
        end = begin + count
        followed, opened = self.known.by_index[index], self.opened
        track, source, pattern, run = followed.track, followed.source, followed.pattern, opened.run
        opened.taken, opened.received = count, received
        if pattern.number_at >= 0:
            opened.numbers = self._story_numbers[begin:end].tolist()
            opened.arrivals = self._story_arrivals[begin:end].tolist()
        else:
            opened.numbers = []
        if not track.is_video:
            level = pattern.level_at >= 0
            opened.levels = self._story_levels[begin:end].tolist() if level else [NO_LEVEL] * count
        run.first, run.outgoing = source.highest + 1, track.next_number(source)
        run.codec, run.body = followed.codec, followed.body
        run.timestamps = self._story_timestamps[begin:end].tolist()
        run.frames, run.octets, run.starts = frames, octets, starts
        return followed

    # --- on the way out ---------------------------------------------------------------------------------------------

    def render(self, history: History, slots: Sequence[int], wire: WireFormat) -> Batch | None:
        """Lay a batch out; ``None``: it has something that is left to Python."""
        count = len(slots)
        self._slots[0:count] = slots
        known = self._wires.get(id(wire)) or self._translate(wire)
        batch = self._batch
        if self._render(*pointers(history), self._slots, count, known[1], self._max_segments, batch):
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
            *pointers(history), self._slots, size, known[1], self._max_segments,
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

    def adopt(self, layout: Layout) -> Batch:
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

    def _translate(self, wire: WireFormat) -> tuple[WireFormat, Any]:
        if len(self._wires) >= _MAX_WIRES:
            self._wires.clear()
        native = _new("tt_wire *", (wire.payload_types, list(wire.extensions), wire.tag, wire.transport))
        self._wires[id(wire)] = wire, native
        return wire, native
