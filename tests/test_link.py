"""The link model does what its conditions say, and the same for the same seed."""

import asyncio
import random
import socket
from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.emulator import Emulator
from tests.link import Conditions, Link, Stream, Wire
from tests.patience import PATIENCE


def _arrivals(
    conditions: Conditions, *, seed: int = 1, count: int = 20_000, every: float = 0.001
) -> list[float | None]:
    link = Link(conditions, seed)
    return [link.send(1_000, number * every) for number in range(count)]


def test_a_perfect_link_changes_nothing() -> None:
    assert _arrivals(Conditions(), count=100) == [number * 0.001 for number in range(100)]


def test_the_seed_decides_everything() -> None:
    bad = Conditions(
        loss=0.1, burst_every=1.0, burst_seconds=0.2, delay=0.05, jitter=0.02, reorder=0.1, rate=5e6
    )
    assert _arrivals(bad) == _arrivals(bad)
    assert _arrivals(bad) != _arrivals(bad, seed=2)


def test_loss_is_as_frequent_as_asked_for() -> None:
    lost = _arrivals(Conditions(loss=0.05)).count(None)
    assert 0.045 < lost / 20_000 < 0.055


def test_an_outage_loses_everything_for_its_length() -> None:
    arrivals = _arrivals(Conditions(burst_every=2.0, burst_seconds=0.5))
    runs = "".join("-" if arrival is None else "x" for arrival in arrivals).split("x")
    lengths = [len(run) for run in runs if run][:-1]
    assert lengths
    assert all(498 <= length <= 502 for length in lengths)


@given(st.floats(0, 0.2), st.floats(0, 0.2), st.integers(0, 1_000))
def test_jitter_delays_within_its_bounds_and_keeps_the_order(delay: float, jitter: float, seed: int) -> None:
    arrivals = _arrivals(Conditions(delay=delay, jitter=jitter), seed=seed, count=200)
    times = [arrival for arrival in arrivals if arrival is not None]
    assert times == sorted(times)
    assert all(delay - 1e-9 <= at - n * 0.001 <= delay + jitter + 1e-9 for n, at in enumerate(times))


def test_reordering_lets_others_overtake() -> None:
    wire = Wire(Link(Conditions(reorder=0.1, reorder_seconds=0.003), seed=1))
    for number in range(1_000):
        wire.put(number.to_bytes(2, "big"), number * 0.001)
    order = [int.from_bytes(datagram, "big") for datagram in wire.take(10.0)]
    assert sorted(order) == list(range(1_000))
    overtaken = sum(later < earlier for earlier, later in zip(order, order[1:], strict=False))
    assert 50 < overtaken < 150


def test_a_rate_is_kept_and_a_full_queue_loses() -> None:
    # 8.2 Mbit/s are sent into 4 Mbit/s with room for 100 ms.
    link = Link(Conditions(rate=4e6, queue_bytes=50_000), seed=1)
    times = [at for number in range(20_000) if (at := link.send(1_000, number * 0.001)) is not None]
    assert abs(len(times) * 1_028 * 8 / times[-1] / 4e6 - 1) < 0.01
    assert link.overflowed == 20_000 - len(times)
    assert (
        max(at - sent * 0.001 for sent, at in enumerate(_arrivals(link.conditions)) if at is not None) < 0.11
    )


def test_the_emulator_puts_the_link_between_real_sockets() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with _udp() as server, _udp() as first, _udp() as second:
            conditions = Conditions(delay=0.030)
            async with Emulator(server.getsockname(), up=conditions, down=conditions) as emulator:
                to = "127.0.0.1", emulator.port
                began = loop.time()
                await loop.sock_sendto(first, b"one", to)
                await loop.sock_sendto(second, b"two", to)
                sources = {}
                for _ in range(2):
                    datagram, source = await loop.sock_recvfrom(server, 100)
                    sources[source] = datagram
                    await loop.sock_sendto(server, b"re: " + datagram, source)
                assert sorted(sources.values()) == [b"one", b"two"], "each client has an address of its own"
                assert (await loop.sock_recvfrom(first, 100)) == (b"re: one", to)
                assert (await loop.sock_recvfrom(second, 100)) == (b"re: two", to)
                assert loop.time() - began >= 0.060

    asyncio.run(_bounded(run()))


def test_a_stream_loses_nothing_and_waits_for_what_is_missing() -> None:
    stream = Stream(Link(Conditions(loss=0.1, delay=0.050), seed=1))
    sent = random.Random(1).randbytes(1_000_000)
    got, last, longest = b"", 0.0, 0.0
    for millisecond in range(2_000):
        now = millisecond / 1e3
        stream.put(sent[millisecond * 1_000 : millisecond * 1_000 + 1_000], now)
        if arrived := stream.take(now):
            got += arrived
            last, longest = now, max(longest, now - last)
    assert got == sent
    assert 0.100 <= longest < 0.500, "what is behind a lost segment waits for its second or third try"


def test_a_stream_of_little_rate_makes_its_sender_wait() -> None:
    stream = Stream(Link(Conditions(rate=300e3), seed=1))
    sent = got = 0
    for now in (number * 0.001 for number in range(10_000)):
        if not stream.is_full:
            stream.put(bytes(1_000), now)
            sent += 1_000
        got += len(stream.take(now))
    assert 0.9 * 375_000 < got < 375_000
    assert sent - got < 40_000


def test_the_emulator_forwards_connections_too() -> None:
    async def run() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(10_000):
                writer.write(data.upper())
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        bad = Conditions(delay=0.020, loss=0.05, rate=8e6)
        async with server, Emulator(server.sockets[0].getsockname(), up=bad, down=bad) as emulator:
            reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            began = asyncio.get_running_loop().time()
            writer.write(b"a" * 200_000)
            writer.write_eof()
            assert await reader.read() == b"A" * 200_000
            assert asyncio.get_running_loop().time() - began > 0.2
            ((up, down),) = emulator.connections
            assert up.lost and down.lost
            writer.close()

    asyncio.run(_bounded(run()))


def test_conditions_change_under_way() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with _udp() as server, _udp() as client:
            async with Emulator(server.getsockname(), up=Conditions(), down=Conditions()) as emulator:

                async def takes(datagram: bytes) -> float:
                    began = loop.time()
                    await loop.sock_sendto(client, datagram, ("127.0.0.1", emulator.port))
                    assert (await loop.sock_recvfrom(server, 100))[0] == datagram
                    return loop.time() - began

                before = await takes(b"one")
                emulator.change(up=Conditions(delay=before + 0.1), down=Conditions())
                assert await takes(b"two") > before + 0.1
                ((up, _),) = emulator.links
                up.conditions = Conditions(delay=before + 0.05)
                assert await takes(b"three") > before + 0.05

    asyncio.run(_bounded(run()))


async def _bounded(scenario: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(PATIENCE):
        await scenario


def _udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock
