"""Repair over a bad link, minutes of it in a second: the core's own parts, in virtual time, with a seeded link."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from media_relay.core.history import SLOT
from media_relay.core.layers import Layers
from media_relay.core.nack import NackGenerator
from media_relay.core.packet import Codec, Extensions
from media_relay.core.subscription import Subscription
from media_relay.core.track import Source
from tests.link import Conditions, Link, Wire
from tests.media_relay.core.packets import packet

_STEP = 0.005
_TICK = 0.020
_PACKETS_PER_SECOND = 50
_CLOCK = 48_000
_PAYLOAD_TYPE = 111
_PATIENCE = 1.5


def _numbers(datagram: bytes) -> list[int]:
    return [int.from_bytes(datagram[i : i + 2], "big") for i in range(0, len(datagram), 2)]


class Ear:
    """Whoever listens at the end of a wire: notes what came, and asks again for what did not."""

    def __init__(self) -> None:
        self.nacks = NackGenerator()
        self.arrivals: dict[int, float] = {}

    def hear(self, datagram: bytes, now: float) -> None:
        number = int.from_bytes(datagram[2:4], "big")
        self.arrivals.setdefault(number, now)
        self.nacks.receive(number, now)


@dataclass(frozen=True, slots=True)
class Outcome:
    sent: int
    heard: int
    sent_again: int
    """By the relay, to the subscriber."""
    latest: float
    """Longest time from sending to arrival."""


class Path:
    """Publisher, relay and subscriber, joined by four wires."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.media_up, self.nacks_down, self.media_down, self.nacks_up = (
            Wire(Link(conditions, seed + i)) for i in range(4)
        )
        layers = Layers(is_video=False)
        self.track = layers.full
        self.track._last_sequence = -1
        self.source = Source(1, {_PAYLOAD_TYPE: Codec.OPUS}, _CLOCK)
        self.subscription = Subscription(layers)
        self.ear = Ear()
        self.sent: list[bytes] = []
        self.sent_at: list[float] = []
        self.sent_again = 0
        self._found = Extensions()

    def publish(self, now: float) -> None:
        number = len(self.sent)
        self.sent.append(
            packet(number, number * _CLOCK // _PACKETS_PER_SECOND, bytes(100), payload_type=_PAYLOAD_TYPE)
        )
        self.sent_at.append(now)
        self.media_up.put(self.sent[-1], now)

    def step(self, now: float, *, tick: bool) -> None:
        for datagram in self.media_up.take(now):
            view = memoryview(datagram)
            self.track.ingest(self.source, view, 0, len(view), 12, self._found, now)
        slots, _ = self.track.take_batch()
        if slots and self.subscription.waiting:
            self.subscription.begin(self.subscription.path.rendition, 0)
        for slot in slots:
            self._send_down(slot, now)
        self.track.forwarded = self.track.highest
        for datagram in self.media_down.take(now):
            self.ear.hear(datagram, now)
        for datagram in self.nacks_up.take(now):
            self._repeat(_numbers(datagram), now)
        for datagram in self.nacks_down.take(now):
            for number in _numbers(datagram):
                self.media_up.put(self.sent[number], now)
        if tick:
            for generator, wire in ((self.source.nacks, self.nacks_down), (self.ear.nacks, self.nacks_up)):
                if lost := generator.due(now):
                    wire.put(b"".join(number.to_bytes(2, "big") for number in lost), now)

    def _repeat(self, numbers: list[int], now: float) -> None:
        for number in numbers:
            whence = self.subscription.may_resend(number, now)
            if whence is not None:
                self.sent_again += 1
                self._send_down(whence[1], now)

    def _send_down(self, slot: int, now: float) -> None:
        history = self.track.history
        self.media_down.put(bytes(history.view[slot * SLOT : slot * SLOT + history.lengths[slot]]), now)


def play(conditions: Conditions, *, seed: int = 1, seconds: float = 120.0) -> Outcome:
    path = Path(conditions, seed)
    tick_at = publish_at = now = 0.0
    while now < seconds + _PATIENCE:
        now += _STEP
        while publish_at <= now and now < seconds:
            publish_at += 1 / _PACKETS_PER_SECOND
            path.publish(now)
        path.step(now, tick=now >= tick_at)
        if now >= tick_at:
            tick_at = now + _TICK
    arrivals = path.ear.arrivals
    latest = max(at - path.sent_at[number] for number, at in arrivals.items())
    return Outcome(len(path.sent), len(arrivals), path.sent_again, latest)


def test_a_perfect_link_needs_no_repair() -> None:
    outcome = play(Conditions(delay=0.020))
    assert outcome.heard == outcome.sent
    assert outcome.sent_again == 0
    assert outcome.latest < 0.060


@pytest.mark.parametrize("seed", range(3))
def test_five_percent_each_way_are_repaired_in_time_for_a_player(seed: int) -> None:
    outcome = play(Conditions(loss=0.05, delay=0.030), seed=seed)
    assert outcome.heard >= 0.999 * outcome.sent
    assert outcome.latest < 1.0


def test_twenty_percent_each_way_at_a_long_distance_are_nearly_repaired() -> None:
    outcome = play(Conditions(loss=0.2, delay=0.050))
    assert outcome.heard >= 0.99 * outcome.sent


def test_an_outage_of_half_a_second_is_filled_afterwards() -> None:
    outcome = play(Conditions(burst_every=10.0, burst_seconds=0.5, delay=0.020), seconds=60.0)
    assert outcome.heard >= 0.97 * outcome.sent


def test_a_packet_that_was_only_overtaken_is_not_sent_again() -> None:
    outcome = play(Conditions(reorder=0.2, reorder_seconds=0.008, delay=0.020))
    assert outcome.heard == outcome.sent
    assert outcome.sent_again == 0


def test_losing_everything_costs_a_bounded_number_of_repeats() -> None:
    """The subscriber hears little and asks much: what it is sent again stays within what it could have used."""
    outcome = play(Conditions(loss=0.5, delay=0.050))
    assert outcome.sent_again <= 6 * outcome.sent
