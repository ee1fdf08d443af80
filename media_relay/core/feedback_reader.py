"""Transport-wide congestion control feedback, the sender's side: which of our packets arrived, and when.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1. What is read comes from the network and may
claim anything: the work is bounded by :data:`MAX_PACKETS`, and what does not add up is a :class:`FeedbackError`.
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import Final, NamedTuple

TICK: Final = 0.00025
"""Seconds of one unit of an arrival time."""
TICKS_PER_REFERENCE: Final = 256
MAX_PACKETS: Final = 4_096
"""Most packets that one message may speak of: more than a second of the fastest lesson, lost or not."""
_HEADER: Final = struct.Struct("!HHI")
_CHUNK: Final = struct.Struct("!H")
_RECEIVED: Final = 1
_RECEIVED_FAR: Final = 2
# A status vector holds fourteen symbols of one bit or seven of two: looked up in parts, so that the tables stay small.
_ONE_BIT: Final = [[byte >> shift & 1 for shift in range(6, -1, -1)] for byte in range(128)]
_TWO_BITS: Final = [[byte >> shift & 3 for shift in range(6, -1, -2)] for byte in range(256)]


class FeedbackError(ValueError):
    """A feedback message that is not well-formed."""


class Feedback(NamedTuple):
    """The packets from number :attr:`base` on, one entry each."""

    base: int
    """16-bit transport-wide number of the first packet."""
    reference: int
    """24-bit: 64 ms units of the receiver's clock, from which the arrivals count."""
    arrivals: list[int | None]
    """Ticks after the reference; ``None``: not received by then."""
    complete: bool
    """Whether all were received."""


def read_feedback(fci: bytes) -> Feedback:
    """Read a message's feedback control information; raises :class:`FeedbackError`."""
    if len(fci) < _HEADER.size:
        raise FeedbackError("feedback is shorter than its header")
    base, count, rest = _HEADER.unpack_from(fci)
    if not 0 < count <= MAX_PACKETS:
        raise FeedbackError(f"feedback speaks of {count} packets")
    symbols, position = _read_symbols(fci, count)
    reference = rest >> 8
    if symbols.count(_RECEIVED) == count:
        deltas = fci[position : position + count]
        if len(deltas) < count:
            raise FeedbackError("feedback lacks arrival times")
        return Feedback(base, reference, list(accumulate(deltas)), True)
    return _read_mixed(fci, position, base, reference, symbols)


def _read_symbols(fci: bytes, count: int) -> tuple[list[int], int]:
    """The status of each packet (sections 3.1.3 and 3.1.4), and where the arrival times begin."""
    symbols: list[int] = []
    position, end = _HEADER.size, len(fci) - 1
    while len(symbols) < count:
        if position >= end:
            raise FeedbackError("feedback lacks packet statuses")
        chunk: int = _CHUNK.unpack_from(fci, position)[0]
        position += 2
        if not chunk & 0x8000:
            run = min(chunk & 0x1FFF, count - len(symbols))
            if not run:
                raise FeedbackError("feedback has an empty run")
            symbols += [chunk >> 13] * run
        elif chunk & 0x4000:
            symbols += _TWO_BITS[chunk >> 6 & 0xFF]
            symbols += _TWO_BITS[chunk << 2 & 0xFF][:3]
        else:
            symbols += _ONE_BIT[chunk >> 7 & 0x7F]
            symbols += _ONE_BIT[chunk & 0x7F]
    del symbols[count:]
    return symbols, position


def _read_mixed(fci: bytes, position: int, base: int, reference: int, symbols: list[int]) -> Feedback:
    """Arrival times of one byte, of two signed ones, or none."""
    arrivals: list[int | None] = []
    ticks, complete, end = 0, True, len(fci)
    for symbol in symbols:
        if symbol == _RECEIVED:
            if position >= end:
                raise FeedbackError("feedback lacks arrival times")
            ticks += fci[position]
            position += 1
            arrivals.append(ticks)
        elif symbol == _RECEIVED_FAR:
            if position + 2 > end:
                raise FeedbackError("feedback lacks arrival times")
            ticks += int.from_bytes(fci[position : position + 2], "big", signed=True)
            position += 2
            arrivals.append(ticks)
        elif symbol == 0:
            arrivals.append(None)
            complete = False
        else:
            raise FeedbackError("feedback has a reserved status")
    return Feedback(base, reference, arrivals, complete)
