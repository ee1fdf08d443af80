"""Copies of one batch for many subscribers: move, protect in place, queue. The hot loop of the relay.

Nothing here allocates per packet beyond small integers; nothing awaits.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from media_relay.core.forwarding import Batch, Layout, WireFormat, render, render_padding, render_repairs
from media_relay.core.history import SLOT, History
from media_relay.core.packet import TRANSPORT_NUMBER
from media_relay.core.rendition import Path
from media_relay.core.shifting import shift_packets, shift_repairs
from media_relay.core.transport_log import Sent, TransportLog
from media_relay.counters import Counters
from media_relay.seams.datagrams import MAX_GSO_BYTES, Sender, ffi
from media_relay.seams.kernel import MAX_TARGETS, Kernel, Part, Target
from media_relay.seams.srtp import new_length, protect_rtp

MAX_BATCH: Final = 128
"""Most packets of one batch."""
_put_number: Final = struct.Struct("!H").pack_into
_ROOM: Final = 18
"""What a packet may grow by: the original sequence number of a retransmission, and the SRTP tag."""


AnyTarget = TypeVar("AnyTarget", bound=Target)


class Group(list[AnyTarget]):
    """Targets that are given the same, batch after batch. It is made anew when one of them comes, goes or moves."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[Part] = []
        """The same for the kernel, once it has been asked for."""


class Fanout:
    """Renders a batch once per wire format and sends a protected copy to each target."""

    def __init__(
        self,
        sender: Sender,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
        kernel: Kernel | None = None,
    ) -> None:
        """``clock`` tells seconds of any monotonic clock; ``kernel`` does the same in less time, where there is one."""
        self._sender = sender
        self._counters = counters
        self._clock = clock
        self._kernel = kernel
        self._template: Any = ffi.new("uint8_t[]", MAX_BATCH * (SLOT + _ROOM))
        self._view = memoryview(ffi.buffer(self._template)).cast("B") if kernel is None else kernel.view
        self._length = new_length()
        # Looked up once, not for every batch.
        self._tools = sender.memory, sender.view, ffi.memmove, protect_rtp, sender.queue, _put_number
        self._max_segments = sender.max_segments

    def forward(self, path: Path, slots: Sequence[int], wire: WireFormat, targets: Sequence[Target]) -> int:
        """Queue the packets of ``slots`` for every target, all on one path; returns how many packets each gets."""
        if not targets:
            return 0
        if path.first >= 0 or not path.plain:
            slots = path.carries(slots)
        if len(slots) <= MAX_BATCH:
            return self._forward(path, slots, wire, targets)
        parts = (slots[start : start + MAX_BATCH] for start in range(0, len(slots), MAX_BATCH))
        return sum(self._forward(path, part, wire, targets) for part in parts)

    def _forward(self, path: Path, slots: Sequence[int], wire: WireFormat, targets: Sequence[Target]) -> int:
        if self._kernel is not None and path.plain:
            packets = self._forward_natively(self._kernel, path.rendition.track.history, slots, wire, targets)
            if packets >= 0:
                return packets
        layout = render(
            path.rendition.track.history,
            slots,
            wire,
            self._view,
            max_segments=self._max_segments,
            max_message=MAX_GSO_BYTES,
        )
        packets = len(layout.packets)
        if packets:
            if not path.plain:
                shift_packets(self._view, layout, wire, path)
            self._copy(layout, targets, wire)
        return packets

    def repair(
        self,
        path: Path,
        slots: Sequence[int],
        wire: WireFormat,
        target: Target,
        *,
        ssrc: int,
        first: int,
    ) -> int:
        """Queue retransmissions of ``slots`` for one target, numbered from ``first``; returns how many."""
        slots = slots[:MAX_BATCH]
        history = path.rendition.track.history
        layout = render_repairs(history, slots, wire, self._view, ssrc=ssrc, first=first)
        if not path.plain:
            shift_repairs(self._view, layout, wire, path)
        self._copy(layout, [target], wire)
        return len(slots)

    def repeat(self, path: Path, slots: Sequence[int], wire: WireFormat, target: Target) -> int:
        """Queue packets again as they were, with their old transport-wide numbers; returns how many.

        A header that differs would be authenticated with the same nonce, which gives away the key that authenticates
        (RFC 7714 section 8.4): a packet whose number is forgotten is not sent again.
        """
        if not wire.transport:
            return self.forward(path, slots, wire, [target])
        history, sent = path.rendition.track.history, 0
        for slot in slots:
            layout = render(history, [slot], wire, self._view, max_segments=1, max_message=MAX_GSO_BYTES)
            if not path.plain:
                shift_packets(self._view, layout, wire, path)
            batch = layout.batch
            number = target.transport.number_of(batch.ssrc, batch.numbers[0]) if layout.packets else None
            if number is not None:
                self._copy(layout, [target], wire, number)
                sent += 1
        return sent

    def pad(
        self, wire: WireFormat, target: Target, count: int, *, ssrc: int, first: int, timestamp: int
    ) -> int:
        """Queue padding on the SSRC of a target's retransmissions, from number ``first`` on; returns how many."""
        count = min(count, MAX_BATCH)
        layout = render_padding(wire, self._view, count, ssrc=ssrc, first=first, timestamp=timestamp)
        self._copy(layout, [target], wire)
        return count

    def _copy(
        self, layout: Layout, targets: Sequence[Target], wire: WireFormat, again: int | None = None
    ) -> None:
        """A copy for each target. ``again`` is the transport-wide number of what was sent before."""
        if self._kernel is not None:
            self._copy_natively(self._kernel, self._kernel.adopt(layout), targets, wire, again)
            return
        sender, length, template = self._sender, self._length, self._template
        memory, view, memmove, protect, queue, put_number = self._tools
        numbered = bool(wire.transport)
        packets, messages, size, batch = layout
        sent = Sent.of(batch, self._clock())
        count = len(messages)
        failed = 0
        tight = not sender.room(size * len(targets), count * len(targets))
        for target in targets:
            if tight and not sender.room(size, count):
                sender.flush()
            base = sender.used
            memmove(memory + base, template, size)
            context, transport = target.context, target.transport
            number = transport.next if again is None else again
            for offset, plain in packets:
                at = base + offset
                length[0] = plain
                if numbered:
                    put_number(view, at + TRANSPORT_NUMBER, number & 0xFFFF)
                    number += 1
                if protect(context, memory + at, length):
                    # What is not protected must not leave: the target misses this batch and asks again.
                    failed += 1
                    break
            else:
                if numbered and again is None:
                    transport.note(sent)
                destination = target.destination
                for offset, total, segment in messages:
                    queue(destination, base + offset, total, segment)
                sender.used = base + size
        self._count(batch, len(targets), failed)

    def _forward_natively(
        self,
        kernel: Kernel,
        history: History,
        slots: Sequence[int],
        wire: WireFormat,
        targets: Sequence[Target],
    ) -> int:
        """How many packets each gets; -1: the batch has something that is left to Python."""
        if not isinstance(targets, Group) or len(targets) > MAX_TARGETS:
            batch = kernel.render(history, slots, wire)
            if batch is None:
                return -1
            if batch.numbers:
                self._copy_natively(kernel, batch, targets, wire, None)
            return len(batch.numbers)
        targets.parts = targets.parts or kernel.prepare(targets)
        (part,) = targets.parts
        batch = kernel.forward(history, slots, wire, self._sender, part)
        if batch is None:
            return -1
        if batch.numbers:
            self._note(part.logs, Sent.of(batch, self._clock()), kernel.refused(part), wire)
        return len(batch.numbers)

    def _note(self, logs: list[TransportLog], sent: Sent, refused: list[int], wire: WireFormat) -> None:
        """The batch was queued for all but those who are refused."""
        targets = len(logs)
        if refused:
            logs = [log for index, log in enumerate(logs) if index not in refused]
        if wire.transport:
            for log in logs:
                log.note(sent)
        self._count(sent.batch, targets, len(refused))

    def _copy_natively(
        self, kernel: Kernel, batch: Batch, targets: Sequence[Target], wire: WireFormat, again: int | None
    ) -> None:
        """The same for a batch that the kernel holds."""
        sent = Sent.of(batch, self._clock())
        if isinstance(targets, Group):
            parts = targets.parts = targets.parts or kernel.prepare(targets)
        else:
            parts = kernel.prepare(targets)
        for part in parts:
            if again is None:
                refused = kernel.copy(self._sender, part, [log.next for log in part.logs], wire)
                self._note(part.logs, sent, refused, wire)
            else:
                refused = kernel.copy(self._sender, part, [again] * part.count, wire)
                self._count(batch, part.count, len(refused))

    def _count(self, batch: Batch, targets: int, failed: int) -> None:
        counters, done, packets = self._counters, targets - failed, len(batch.numbers)
        counters.packets_forwarded += done * packets
        counters.bytes_forwarded += done * batch.size
        if failed:
            counters.drops["protect"] += failed * packets
