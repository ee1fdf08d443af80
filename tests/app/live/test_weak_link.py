"""A site whose link becomes too narrow, from the packets to the words: a real node, real sockets, an emulated link."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from app.live.coordinator import Coordinator
from app.live.hub import Member
from app.live.quality import LinkState, Rung
from app.live.rules import Direction
from app.live.sessions import Admission, StreamKey
from media_relay.load_test.running import LoadTest, Plan
from tests.app.live.coordinating import ENDS_AT, LESSON, SITE_ONE, WANG, running
from tests.emulator import Emulator
from tests.link import Conditions
from tests.patience import PATIENCE

WIDE, NARROW = Conditions(delay=0.020), Conditions(delay=0.020, rate=300_000)


@dataclass(frozen=True)
class LessonDoor:
    """The doors of a lesson: the teacher publishes, a site watches through the emulator."""

    coordinator: Coordinator
    emulator: Emulator

    async def publish(self, offer: str) -> str:
        return (await self.coordinator.publish(self._leave(Direction.PUBLISH, WANG), offer)).sdp

    async def subscribe(self, offer: str) -> str:
        leave = self._leave(Direction.WATCH, SITE_ONE, "S1")
        answer = (await self.coordinator.watch(leave, offer)).sdp
        node = self.coordinator._pool.nodes[0].port
        return answer.replace(f" {node} typ host", f" {self.emulator.port} typ host")

    async def close(self) -> None:
        """The coordinator ends with the test."""

    @staticmethod
    def _leave(direction: Direction, who: uuid.UUID, site: str | None = None) -> Admission:
        viewer = "room" if site else ""
        return Admission(StreamKey(LESSON, "main"), direction, who, site, viewer, lesson_ends_at=ENDS_AT)


async def rung(member: Member, *wanted: Rung) -> dict[str, Any]:
    """The news that the picture is one of these."""
    async with asyncio.timeout(PATIENCE):
        while True:
            text = await member.next()
            assert isinstance(text, str)
            news: dict[str, Any] = json.loads(text)
            if news["type"] == "rung" and news["rung"] in wanted:
                return news


@pytest.mark.slow
def test_a_link_that_becomes_narrow_is_told_to_those_it_concerns() -> None:
    """In real time, because the estimate comes from how long real packets wait in the emulator's queue."""

    async def scenario() -> None:
        async with running() as coordinator:
            await coordinator.wait_ready(PATIENCE)
            server = ("127.0.0.1", coordinator._pool.nodes[0].port)
            async with (
                Emulator(server, up=WIDE, down=WIDE) as emulator,
                LoadTest(LessonDoor(coordinator, emulator), Plan(subscribers=1)) as load,
            ):
                teacher = coordinator.channels.join(LESSON, {"main", "site-S1"}, {"S1"}, "desk")
                room = coordinator.channels.join(LESSON, {"main"}, {"S1"}, "room")
                await load.join()
                await load.measure(1.5, settle=0.0)
                emulator.change(up=WIDE, down=NARROW)
                told = await rung(room, Rung.AUDIO_ONLY)
                assert told["stream"] == "main" and told["reason"] in ("congestion", "loss")
                assert await rung(teacher, Rung.AUDIO_ONLY) == {**told, "site": "S1"}
                site = coordinator.quality.of(LESSON).sites["S1"]
                assert (site.state, site.rung) == (LinkState.AUDIO_ONLY, Rung.AUDIO_ONLY)
                report = await load.measure(1.0, settle=0.0)
                assert report.packets > 0, "the sound goes on"

    asyncio.run(scenario())
