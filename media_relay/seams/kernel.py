"""The native kernel seen from Python: loaded where it was built, checked before it is used.

It works on memory that Python owns: the history ring, one rendered batch, the sender's queue. See
``media_relay/native/kernel.c``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from media_relay.core.forwarding import Batch, Layout, WireFormat
from media_relay.core.history import History
from media_relay.native import library
from media_relay.seams.datagrams import Address, Sender, ffi
from media_relay.seams.srtp import PROTECT_ADDRESS

NATIVE: Final = "native"
PYTHON: Final = "python"
MAX_TARGETS: Final = 128
"""Most targets of one copy."""
_STRUCTURES: Final = ("mmsghdr_t", "iovec_t", "tt_address", "tt_wire", "tt_batch", "tt_queue", "tt_targets")
_MAX_WIRES: Final = 4_096


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


class Kernel:
    """One batch at a time: rendered here or by Python into :attr:`view`, then copied for each target."""

    def __init__(self, found: Any, max_segments: int) -> None:
        """``found`` is what :func:`load` returned."""
        self._render, self._copy = found.tt_render, found.tt_copy
        self._max_segments = max_segments
        self._batch = _new("tt_batch *")
        self.view = memoryview(ffi.buffer(self._batch.bytes)).cast("B")
        """Where the packets of the batch lie."""
        self._numbers = memoryview(ffi.buffer(self._batch.number)).cast("B")
        self._slots = _new("int32_t[]", len(self._batch.packet))
        self._targets = _new("tt_targets *")
        self._contexts, self._addresses = self._targets.context, self._targets.address
        self._firsts = self._targets.first
        self._protect: Any = ffi.cast("void *", PROTECT_ADDRESS)
        self._wires: dict[int, tuple[WireFormat, Any]] = {}
        """By identity: a subscriber has one for each kind, for as long as it is there."""

    def render(self, history: History, slots: Sequence[int], wire: WireFormat) -> Batch | None:
        """Lay a batch out; ``None``: it has something that is left to Python."""
        count = len(slots)
        self._slots[0:count] = slots
        handle: Any = history.handle or self._adopt(history)
        known = self._wires.get(id(wire)) or self._translate(wire)
        batch = self._batch
        if self._render(*handle, self._slots, count, known[1], self._max_segments, batch):
            return None
        numbers = array("H")
        numbers.frombytes(self._numbers[: 2 * batch.packets])
        return Batch(batch.ssrc, numbers, batch.size)

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

    def copy(
        self,
        sender: Sender,
        contexts: Sequence[Any],
        addresses: Sequence[Address],
        firsts: Sequence[int],
        wire: WireFormat,
    ) -> list[int]:
        """Queue the batch for up to :data:`MAX_TARGETS` targets with these first transport-wide numbers.

        Returns the indexes of those for whom libsrtp refused a packet, and who get nothing of the batch. A full queue
        is flushed.
        """
        count, batch, targets = len(contexts), self._batch, self._targets
        self._contexts[0:count] = contexts
        self._addresses[0:count] = [address.pointer for address in addresses]
        self._firsts[0:count] = firsts
        targets.refused = targets.connected = 0
        numbered, tag, protect = bool(wire.transport), wire.tag, self._protect
        begin = 0
        while True:
            queue = sender.lend()
            end = self._copy(batch, queue, targets, begin, count, numbered, tag, protect)
            sender.take_back()
            if targets.connected:
                self._write(sender, addresses, begin, end)
            if end == count:
                break
            begin = end
            sender.flush()
        return [index for index in range(count) if targets.base[index] < 0] if targets.refused else []

    def _write(self, sender: Sender, addresses: Sequence[Address], begin: int, end: int) -> None:
        """Hand the copies of those who are reached over connections to these."""
        targets, messages = self._targets, self.layout().messages
        for index in range(begin, end):
            base = targets.base[index]
            if addresses[index].pointer == ffi.NULL and base >= 0:
                for offset, size, segment in messages:
                    sender.queue(addresses[index], base + offset, size, segment)

    @staticmethod
    def _adopt(history: History) -> tuple[Any, Any, int]:
        stored = ffi.from_buffer("uint8_t[]", history.view)
        lengths = ffi.from_buffer("uint16_t[]", history.lengths)
        history.handle = stored, lengths, history.slots
        return stored, lengths, history.slots

    def _translate(self, wire: WireFormat) -> tuple[WireFormat, Any]:
        if len(self._wires) >= _MAX_WIRES:
            self._wires.clear()
        native = _new("tt_wire *", (wire.payload_types, list(wire.extensions), wire.tag, wire.transport))
        self._wires[id(wire)] = wire, native
        return wire, native
