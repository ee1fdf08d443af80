"""Packets that the native kernel opens and stores leave the relay in the state that Python's way leaves it in."""

from __future__ import annotations

import random
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from media_relay import native
from media_relay.core import layers
from media_relay.core.track import Source, Track
from media_relay.publisher import Publisher
from media_relay.seams import kernel as seam
from media_relay.seams.kernel import Kernel
from media_relay.seams.known import Opened
from tests.media_relay.clients import (
    DELTA,
    KEYFRAME,
    OPUS,
    RTX,
    VP8,
    WITH_RTX,
    Bench,
    Client,
    RedClient,
    relay_bench,
)
from tests.media_relay.core.packets import one_byte_block, packet, two_byte_block

PICTURES, SOUND = 11, 22
FEEDBACK, LEVEL, UNKNOWN = 3, 1, 7
"""Extension ids of the clients' offers, and one that they do not offer."""
WITH_TEMPORAL_LAYERS = b"\x90\x20\x40"
"""A VP8 descriptor with a temporal id: the first packet of a frame."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The kernel, compiled just now."""
    return seam.load(native.build(tmp_path_factory.mktemp("kernel")))


class Half:
    """One of two relays that get the same: the kernel's and Python's."""

    def __init__(self, bench: Bench, kernel: Any) -> None:
        self.bench = bench
        self.time = 1_000.0
        bench.clock = lambda: self.time
        bench.relay.port.kernel = None if kernel is None else Kernel(kernel, 64)
        self.client = bench.join(Client("p", publishing=True))
        self.fast = 0
        """Packets that the kernel took."""

    @property
    def publisher(self) -> Publisher:
        (publisher,) = (p for p in self.bench.relay._peers.values() if isinstance(p, Publisher))
        return publisher

    def hear(self, datagrams: list[tuple[bytes, bool]]) -> None:
        """What is sent at once, and which of it is forged."""
        self.time += 0.013
        for plain, forged in datagrams:
            protected = self.client.outbound.protect(plain)
            self.client.send(protected[:-1] + bytes([protected[-1] ^ forged]))
        self.bench.relay.port.readable()
        self.bench.relay.tick()

    def state(self) -> Any:
        """All that is known of what came, but for the times that the operating system gave."""
        publisher, relay = self.publisher, self.bench.relay
        feedback = publisher._feedback
        assert feedback is not None
        return plain(
            {
                "sources": publisher._sources,
                "voice": publisher.voice,
                "arrived": list(feedback._arrivals),
                "counters": relay.counters,
                "left": publisher.left,
                "heard": publisher.heard_at,
            }
        )


def plain(thing: Any) -> Any:
    """Values by attribute, all the way down."""
    if isinstance(thing, Mapping):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, array):
        return thing.tobytes()
    if isinstance(thing, list | tuple | deque):
        return [plain(value) for value in thing]
    if isinstance(thing, memoryview | bytearray):
        return bytes(thing)
    names = [name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())]
    if not names:
        return thing
    return {name: plain(getattr(thing, name)) for name in names if name != "handle"}


@pytest.fixture
def pair(built: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Half, Half]]:
    """Two relays with the same random numbers, if any."""
    same = SimpleNamespace(randbits=lambda bits: bits, randbelow=lambda limit: limit - 100)
    monkeypatch.setattr(layers, "secrets", same)
    with relay_bench() as one, relay_bench() as two:
        halves = Half(one, built), Half(two, None)
        take = Publisher.take_run

        def counting(self: Publisher, track: Track, source: Source, opened: Opened, now: float) -> None:
            halves[0].fast += opened.taken
            take(self, track, source, opened, now)

        monkeypatch.setattr(Publisher, "take_run", counting)
        yield halves


class Lesson:
    """A publisher whose packets are mostly ordinary ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.numbers = {PICTURES: 65_000, SOUND: 100}
        self.stamps = {PICTURES: 5_000, SOUND: 2**32 - 9_000}
        self.transport = 0
        self.layered = seed % 2 == 1

    def frame(self) -> list[tuple[bytes, bool]]:
        """Some packets of a picture, or one of sound, with now and then something odd about them."""
        chance, sound = self.chance, self.chance.random() < 0.4
        ssrc = SOUND if sound else PICTURES
        self.stamps[ssrc] += 960 if sound else 3_000
        key = chance.random() < 0.08
        sent = []
        for index in range(1 if sound else chance.randint(1, 9)):
            start = b"" if sound or index else KEYFRAME if key else DELTA
            if start and self.layered:
                start = WITH_TEMPORAL_LAYERS + start[1:]
            sent.append((self.packet(ssrc, start + chance.randbytes(chance.randint(1, 300))), False))
        for index, (data, _) in enumerate(sent):
            odd = chance.random()
            if odd < 0.01:
                sent[index] = data, True
            elif odd < 0.02:
                sent.append((data, False))
            elif odd < 0.03:
                del sent[index]
                break
            elif odd < 0.04:
                sent.reverse()
                break
        return sent

    def packet(self, ssrc: int, payload: bytes) -> bytes:
        chance = self.chance
        self.transport += 1
        self.numbers[ssrc] += 1
        payload_type = OPUS if ssrc == SOUND else VP8
        odd = chance.random()
        elements = [(FEEDBACK, self.transport.to_bytes(2, "big"))]
        if ssrc == SOUND:
            elements.insert(chance.random() < 0.1, (LEVEL, bytes([chance.randrange(256)])))
        if odd < 0.02:
            elements.append((UNKNOWN, b"what"))
        block = one_byte_block(elements) if odd > 0.04 else two_byte_block(elements) if odd > 0.03 else b""
        return packet(
            self.numbers[ssrc], self.stamps[ssrc], b"" if 0.04 < odd < 0.05 else payload,
            payload_type=77 if 0.05 < odd < 0.06 else payload_type, ssrc=ssrc, marker=chance.random() < 0.2,
            block=block, csrcs=2 if 0.06 < odd < 0.07 else 0, padding=9 if 0.04 < odd < 0.08 else 0,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_know_the_same(pair: tuple[Half, Half], seed: int) -> None:
    lesson, sent = Lesson(seed), 0
    for turn in range(60):
        datagrams = [one for _ in range(lesson.chance.randint(1, 4)) for one in lesson.frame()]
        sent += len(datagrams)
        for half in pair:
            half.hear(datagrams)
        if turn % 6 == 5:
            assert pair[0].state() == pair[1].state()
    assert pair[0].fast > sent / 2


def test_a_flood_is_bounded_as_ever(pair: tuple[Half, Half]) -> None:
    lesson = Lesson(0)
    flood = [(lesson.packet(PICTURES, KEYFRAME + b"x"), False) for _ in range(120)]
    for half in pair:
        half.hear(flood[:1])
        half.publisher.left[0] = 50
        half.hear(flood[1:])
        assert half.bench.relay.counters.drops["publisher_flood"] == 69
    assert pair[0].state() == pair[1].state()


def test_sound_that_begins_to_repeat_itself_is_left_to_python(pair: tuple[Half, Half]) -> None:
    sounds = [
        (packet(number, number * 960, b"sound %d" % number, payload_type=OPUS, ssrc=SOUND), False)
        for number in range(1, 7)
    ]
    for half in pair:
        half.hear(sounds[:3])
        half.bench.join(RedClient("site"))
        half.hear(sounds[3:])
    one, two = (plain(half.publisher._sources) for half in pair)
    assert one == two
    assert pair[0].fast == 2, (
        "the first of all teaches the kernel what they look like, the last three repeat each other"
    )


def test_who_is_gone_is_known_no_more(pair: tuple[Half, Half]) -> None:
    half, lesson = pair[0], Lesson(0)
    half.hear([(lesson.packet(PICTURES, KEYFRAME + b"x"), False)])
    kernel = half.bench.relay.port.kernel
    assert kernel is not None and len(kernel.known.by_index) == 1
    half.bench.relay.close("p")
    assert not kernel.known.by_index


def test_arrival_times_are_those_of_the_operating_system(pair: tuple[Half, Half]) -> None:
    half, lesson = pair[0], Lesson(0)
    half.hear([(lesson.packet(PICTURES, KEYFRAME + b"x"), False)])
    half.hear([(lesson.packet(PICTURES, b"x"), False) for _ in range(3)])
    assert half.fast == 3
    feedback = half.publisher._feedback
    assert feedback is not None
    inbox = half.bench.relay.port._receiver
    assert list(feedback._arrivals.values())[-3:] == [inbox.arrival(index) for index in range(3)]


def test_a_repair_does_not_make_the_kernel_forget_the_source(built: Any) -> None:
    with relay_bench() as bench:
        bench.relay.port.kernel = kernel = Kernel(built, 64)
        client = bench.join(Client("p", publishing=True), video=WITH_RTX)
        pictures = [
            packet(
                number, 9, KEYFRAME + b"x", ssrc=PICTURES, payload_type=VP8,
                block=one_byte_block([(FEEDBACK, bytes((0, number)))]),
            )
            for number in (1, 2, 3)
        ]  # fmt: skip
        repair = packet(1, 9, bytes((0, 2)) + KEYFRAME + b"x", ssrc=99, payload_type=RTX)
        known: list[list[int]] = []

        def next_came() -> bool:
            return bench.relay.counters.packets_received > len(known)

        for plain in (pictures[0], pictures[2], repair):
            client.send(client.outbound.protect(plain))
            bench.until(next_came)
            known.append(list(kernel.known.by_index))
        assert len(known[0]) == 1 and known[0] == known[1] == known[2]
