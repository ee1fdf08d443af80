"""The lesson shape of the load test, against a real node."""

import asyncio
from typing import Any

import pytest

from media_relay.load_test.doors import LinkDoor
from media_relay.load_test.lessons import LessonPlan, Lessons
from media_relay.load_test.subscriber import ReceivingClient
from tests.media_relay.nodes import running_node


def test_every_room_of_a_lesson_receives_whom_it_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one = 0
    take_one = ReceivingClient.media

    def counting(self: ReceivingClient, *given: Any) -> None:
        nonlocal one_by_one
        one_by_one += 1
        take_one(self, *given)

    monkeypatch.setattr(ReceivingClient, "media", counting)

    async def run() -> None:
        async with (
            running_node() as node,
            Lessons(lambda number, name: LinkDoor(node.link, f"lesson-{number}", name), LessonPlan()) as load,
        ):
            for _ in range(2):
                await load.begin()
            await load.measure(0.1, settle=0.0)  # until all have begun with a keyframe
            report = await load.measure(1.0)
            stats = await node.link.stats()
        # Three sites watch the main classroom, the teacher three sites, and two sites the one on stage.
        assert (stats.publishers, stats.subscribers) == (2 * 4, 2 * 8)
        assert (report.receiving, report.lost_packets) == (16, 0)
        assert load.delivered > 0.9
        # Until pictures begin each packet is looked at; then frames are taken whole, or the tool takes a processor.
        assert one_by_one < sum(subscriber.packets for subscriber in load._subscribers)
        assert not any(stats.drops.values())

    asyncio.run(run())
