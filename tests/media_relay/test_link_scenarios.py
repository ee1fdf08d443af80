"""A lesson over bad links: a real node, real sockets, the load test's clients, and the emulator in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from media_relay.load_test.doors import LinkDoor
from media_relay.load_test.media import MediaPlan
from media_relay.load_test.running import LoadTest, Plan
from media_relay.messages import NodeReady
from tests.emulator import Emulator
from tests.link import Conditions
from tests.media_relay.nodes import RunningNode, running_node
from tests.patience import PATIENCE

_PERFECT = Conditions()
_MEDIA = MediaPlan(video_bitrate=500_000)
"""A third of a lesson's packets. On a busy machine clients, emulator and node must keep up: what waits for the
processor looks like a link that is too narrow, and what is asked for a second too late is given up."""


class EmulatedDoor(LinkDoor):
    """A node whose answers name the emulator's port, as those of a node behind a port mapping would."""

    def __init__(self, node: RunningNode, emulator: Emulator) -> None:
        super().__init__(node.link)
        self._ports = f" {port_of(node)} typ host", f" {emulator.port} typ host"

    async def publish(self, offer: str) -> str:
        return (await super().publish(offer)).replace(*self._ports)

    async def subscribe(self, offer: str) -> str:
        return (await super().subscribe(offer)).replace(*self._ports)


def port_of(node: RunningNode) -> int:
    return next(event.port for event in node.events if isinstance(event, NodeReady))


@asynccontextmanager
async def lesson(
    conditions: Conditions, subscribers: int
) -> AsyncIterator[tuple[RunningNode, LoadTest, Emulator]]:
    """A publisher and subscribers, every one of them behind a link of this kind in both directions."""
    async with (
        running_node() as node,
        Emulator(("127.0.0.1", port_of(node)), up=conditions, down=conditions) as emulator,
        LoadTest(EmulatedDoor(node, emulator), Plan(subscribers, joins_per_second=100, media=_MEDIA)) as load,
    ):
        await load.join()
        yield node, load, emulator


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * PATIENCE):
            await scenario

    asyncio.run(bounded())


@pytest.mark.slow
def test_what_a_lossy_link_takes_is_brought_again() -> None:
    async def scenario() -> None:
        async with lesson(Conditions(loss=0.05, delay=0.030), subscribers=5) as (node, load, emulator):
            await load.measure(0.5, settle=0.0)
            report = await load.measure(6.0)
            stats = await node.link.stats()
            publisher = load.publisher
        assert publisher is not None
        assert report.receiving == 5
        # Without repair a tenth would be missing: five of a hundred on the way up, five on the way down. How late it
        # comes depends on the machine here; test_playout says in virtual time what a viewer notices of it.
        expected = report.packets + report.lost_packets
        assert report.lost_packets <= 0.005 * expected
        assert report.repaired_packets >= 0.05 * expected
        assert stats.packets_retransmitted > 0, "the relay answers from its history"
        assert publisher.retransmitted > 0, "the relay asks the publisher for what it missed itself"
        assert all(up.lost and down.lost for up, down in emulator.links)

    run(scenario())


@pytest.mark.slow
def test_a_room_full_of_frozen_pictures_asks_the_teacher_once() -> None:
    async def scenario() -> None:
        async with lesson(Conditions(delay=0.005), subscribers=20) as (_, load, _emulator):
            await load.measure(0.5, settle=0.0)
            publisher = load.publisher
            assert publisher is not None
            publisher.keyframe_requests.clear()
            began = time.monotonic()
            for _ in range(20):
                for subscriber in load.subscribers:
                    subscriber.ask_keyframe()
                await load.measure(0.05, settle=0.0)
            asked, seconds = publisher.keyframe_requests, time.monotonic() - began
        assert asked
        assert len(asked) <= 2 + seconds / 0.5, "one every half second, of four hundred"

    run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("conditions", [_PERFECT, Conditions(delay=0.040, jitter=0.030, loss=0.01)])
def test_lips_and_voice_agree(conditions: Conditions) -> None:
    async def scenario() -> None:
        async with lesson(conditions, subscribers=3) as (_, load, _emulator):
            await load.measure(2.5, settle=0.0)
            offsets = [subscriber.lip_sync_ms() for subscriber in load.subscribers]
        assert all(offset is not None and abs(offset) <= 20 for offset in offsets), offsets

    run(scenario())


@pytest.mark.slow
def test_lips_and_voice_agree_after_another_device_took_over() -> None:
    async def scenario() -> None:
        async with lesson(_PERFECT, subscribers=2) as (_, load, _emulator):
            await load.measure(0.5, settle=0.0)
            await load.take_over()
            await load.measure(2.5, settle=0.0)
            offsets = [subscriber.lip_sync_ms() for subscriber in load.subscribers]
            tracks = [track for subscriber in load.subscribers for track in subscriber.tracks.values()]
        assert len(tracks) == 4, "numbers and sources go on as if nothing had happened"
        assert not any(track.missing for track in tracks)
        assert all(offset is not None and abs(offset) <= 20 for offset in offsets), offsets

    run(scenario())
