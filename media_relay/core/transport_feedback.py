"""Transport-wide congestion control feedback, the receiver's side.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1. The publisher's own estimator does the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import chain
from operator import sub
from typing import Final

from media_relay.core.sequence import extend

_MAX_RECORDS: Final = 1_024
_TICK: Final = 0.00025
_REFERENCE: Final = 0.064
_HEADER: Final = struct.Struct("!HH")
_SYMBOLS: Final = 7
_SMALL: Final = 1
_LARGE: Final = 2
"""Packet status symbols: received, with a delta of one byte or of two (section 3.1.1)."""


class TransportFeedback:
    """Collects arrivals by transport-wide sequence number and packs them. Times are monotonic seconds."""

    __slots__ = ("_arrivals", "_base", "_count", "_highest", "overflowed")

    def __init__(self) -> None:
        self._arrivals: dict[int, float] = {}
        """Since the last feedback, by number as it came, in order of arrival."""
        self._base: int | None = None
        self._highest = 0
        self._count = 0
        self.overflowed = 0
        """Arrivals forgotten because feedback was not built in time, since whoever counts them set it to zero."""

    def receive(self, number: int, now: float) -> None:
        """A packet with this 16-bit transport-wide number arrived. Called for every packet."""
        arrivals = self._arrivals
        if len(arrivals) < _MAX_RECORDS:
            arrivals.setdefault(number, now)
        else:
            self.overflowed += 1

    def receive_run(self, numbers: list[int], arrivals: list[float]) -> None:
        """The same for several."""
        known = self._arrivals
        if len(known) + len(numbers) > _MAX_RECORDS:
            for number, arrival in zip(numbers, arrivals, strict=True):
                self.receive(number, arrival)
            return
        for number, arrival in zip(numbers, arrivals, strict=True):
            known.setdefault(number, arrival)

    def _take(self) -> dict[int, float]:
        """What arrived since the last call, by extended number."""
        taken, self._arrivals = self._arrivals, {}
        if taken and self._base is None:
            self._base = self._highest = next(iter(taken))
        highest = self._highest
        extended = {}
        for number, at in taken.items():
            if number == (highest + 1) & 0xFFFF:
                known = highest = highest + 1
            elif (known := extend(number, highest)) > highest:
                highest = known
            extended[known] = at
        self._highest = highest
        return extended

    def build(self) -> bytes | None:
        """The feedback control information since the last call, or ``None`` when nothing arrived."""
        straight = self._take_straight()
        if straight is not None:
            return straight
        arrivals = self._take()
        if not arrivals or self._base is None:
            return None
        last = max(arrivals)
        # Packets from before the last feedback are reported late rather than never.
        base = min(self._base, min(arrivals))
        if last - base >= _MAX_RECORDS:
            base = last - _MAX_RECORDS + 1
        reference = int(min(arrivals.values()) / _REFERENCE)
        clock = reference * _REFERENCE
        statuses = _all_received([arrivals[number] for number in sorted(arrivals)], clock)
        if statuses is None or len(arrivals) != last - base + 1:
            statuses = _mixed(arrivals, base, last, clock)
        self._base = max(self._base, last + 1)
        return self._pack(base, last, reference, statuses)

    def _take_straight(self) -> bytes | None:
        """The usual case: all came in order and nothing is missing since the last call; ``None`` when it is not so."""
        arrivals, base = self._arrivals, self._base
        if base is None or not arrivals or base != self._highest + 1:
            return None
        first, count = base & 0xFFFF, len(arrivals)
        if list(arrivals) != list(range(first, first + count)):
            return None
        times = list(arrivals.values())
        reference = int(min(times) / _REFERENCE)
        statuses = _all_received(times, reference * _REFERENCE)
        if statuses is None:
            return None
        self._arrivals = {}
        self._highest = base + count - 1
        self._base = base + count
        return self._pack(base, self._highest, reference, statuses)

    def _pack(self, base: int, last: int, reference: int, statuses: bytes) -> bytes:
        head = _HEADER.pack(base & 0xFFFF, last - base + 1)
        head += ((reference & 0xFFFFFF) << 8 | self._count).to_bytes(4, "big")
        self._count = (self._count + 1) & 0xFF
        body = head + statuses
        return body + bytes(-len(body) % 4)


def _all_received(times: list[float], clock: float) -> bytes | None:
    """The usual case: nothing is missing and all came in order, each less than 64 ms after the one before."""
    ticks = [int((at - clock) / _TICK + 0.5) for at in times]
    try:
        deltas = bytes(map(sub, ticks, chain((0,), ticks)))
    except ValueError:  # one does not fit into a byte
        return None
    return (_SMALL << 13 | len(ticks)).to_bytes(2, "big") + deltas


def _mixed(arrivals: Mapping[int, float], base: int, last: int, clock: float) -> bytes:
    """Statuses and deltas of packets that came, late or out of order, or did not."""
    symbols: list[int] = []
    deltas = bytearray()
    for number in range(base, last + 1):
        arrival = arrivals.get(number)
        if arrival is None:
            symbols.append(0)
            continue
        ticks = round((arrival - clock) / _TICK)
        if 0 <= ticks <= 255:
            symbols.append(_SMALL)
            deltas.append(ticks)
        else:
            ticks = max(-32768, min(ticks, 32767))
            symbols.append(_LARGE)
            deltas += ticks.to_bytes(2, "big", signed=True)
        clock += ticks * _TICK
    return _chunks(symbols) + bytes(deltas)


def _chunks(symbols: list[int]) -> bytes:
    """Run-length chunks for runs above seven, two-bit status vectors otherwise (sections 3.1.3 and 3.1.4)."""
    out = bytearray()
    position = 0
    while position < len(symbols):
        first = symbols[position]
        run = 1
        while position + run < len(symbols) and symbols[position + run] == first and run < 0x1FFF:
            run += 1
        if run > _SYMBOLS or position + run == len(symbols):
            out += (first << 13 | run).to_bytes(2, "big")
            position += run
            continue
        vector = 0
        for symbol in (symbols[position : position + _SYMBOLS] + [0] * _SYMBOLS)[:_SYMBOLS]:
            vector = vector << 2 | symbol
        out += (0xC000 | vector).to_bytes(2, "big")
        position += _SYMBOLS
    return bytes(out)
