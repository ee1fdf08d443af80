"""The weak links of the table, as conditions of the emulator, and what happens to them in the course of a row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from tests.link import Conditions

_HALF_TRIP: Final = 0.050
"""Seconds one way: a round trip of 100 ms, unless a row says otherwise."""
_QUEUE: Final = 32_000
"""Bytes a bottleneck holds: 85 ms of 3 Mbit/s, 850 ms of 300 kbit/s."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Some seconds of one kind of link."""

    name: str
    down: Conditions
    """From the relay to the receiver."""
    up: Conditions
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a receiver that joins under the first phase's conditions and goes through all phases."""

    name: str
    phases: tuple[Phase, ...]
    settle: float = 4.0
    """Seconds after joining that do not count."""
    tcp: bool = False
    """Whether nothing but TCP reaches the relay."""


def _steady(name: str, down: Conditions, seconds: float) -> Row:
    # What the receiver says is lost and delayed like what it hears; its little data fills no bottleneck.
    up = replace(down, rate=float("inf"))
    return Row(name, (Phase("steady", down, up, seconds),))


def _random(loss: float) -> Conditions:
    return Conditions(loss=loss, delay=_HALF_TRIP)


@dataclass(frozen=True, slots=True)
class Rates:
    """The bottleneck whose rate falls and comes back."""

    high: float = 3e6
    low: float = 300e3
    half_trip: float = 0.030
    seconds: tuple[float, float, float] = field(default=(10.0, 20.0, 25.0))

    def row(self) -> Row:
        """The row."""
        good, bad = (
            Conditions(rate=rate, delay=self.half_trip, queue_bytes=_QUEUE) for rate in (self.high, self.low)
        )
        up = Conditions(delay=self.half_trip)
        before, between, after = self.seconds
        phases = (
            Phase("before", good, up, before),
            Phase("drop", bad, up, between),
            Phase("return", good, up, after),
        )
        return Row("3 Mbit/s → 300 kbit/s → 3 Mbit/s", phases, settle=8.0)


def rows(seconds: float) -> list[Row]:
    """All rows; the steady ones last so long."""
    return [
        _steady("good link", Conditions(delay=_HALF_TRIP), seconds),
        _steady("1 % loss", _random(0.01), seconds),
        _steady("5 % loss", _random(0.05), seconds),
        _steady("10 % loss", _random(0.10), seconds),
        _steady(
            "outages of 500 ms, every 6 s",
            Conditions(delay=_HALF_TRIP, burst_every=6.0, burst_seconds=0.5),
            seconds,
        ),
        _steady("jitter 50 ms", Conditions(delay=_HALF_TRIP, jitter=0.050), seconds),
        _steady("300 kbit/s", Conditions(delay=_HALF_TRIP, rate=300e3, queue_bytes=_QUEUE), seconds),
        replace(_steady("UDP blocked: TCP, 1 % loss", _random(0.01), seconds), tcp=True),
        Rates().row(),
    ]
