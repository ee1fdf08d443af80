"""A relay node dies in the middle of a lesson: it comes back, and everybody rejoins by themselves."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.demo.api import Api, new_http
from app.demo.arranging import Arranged, arrange
from app.demo.channel import ClassroomChannel
from app.demo.clip import VideoCodec
from app.demo.media_client import MediaError
from app.demo.teaching import SyntheticTeacher, cancel_all
from app.demo.test_card import FRAMES
from app.demo.watching import Watcher
from tests.patience import PATIENCE, patient
from tests.scenarios.conftest import County

REJOIN_SECONDS = 5.0
TEACHER = 0


class SitePage:
    """Watches the lesson the way a page does: comes back at once when the channel says so, else after a pause."""

    def __init__(self, api: Api, lesson_id: str) -> None:
        self._api = api
        self._lesson_id = lesson_id
        self.pictures: asyncio.Queue[float] = asyncio.Queue()
        """When the first picture of each connection came."""

    async def attend(self) -> None:
        """Watch until cancelled."""
        channel = ClassroomChannel(self._api, f"/api/v1/lessons/{self._lesson_id}/channel")
        listening = asyncio.create_task(channel.listen())
        try:
            await channel.wait_for(lambda known: known.connected)
            while True:
                await self._watch_once(channel)
        finally:
            await cancel_all(listening)

    async def _watch_once(self, channel: ClassroomChannel) -> None:
        restarts = channel.known.restarts
        watcher = Watcher(TEACHER, [None] * FRAMES)
        try:
            join = await self._api.get(f"/api/v1/lessons/{self._lesson_id}/join")
            main = next(offer for offer in join["watch"] if offer["stream"] == "main")
            await watcher.open(self._api.http, main["url"], main["token"])
            await watcher.first_picture()
            self.pictures.put_nowait(time.monotonic())
            await channel.wait_for(lambda known: known.restarts > restarts)
        except MediaError:
            await asyncio.sleep(0.3)
        finally:
            await watcher.close()


@asynccontextmanager
async def class_in_session(arranged: Arranged) -> AsyncIterator[list[SitePage]]:
    """The synthetic teacher teaches, and every site watches."""
    pages = [SitePage(site.api, arranged.lesson_id) for site in arranged.sites]
    teacher = SyntheticTeacher(arranged.teacher, VideoCodec.VP8, None)
    tasks = [asyncio.create_task(teacher.run()), *(asyncio.create_task(page.attend()) for page in pages)]
    try:
        yield pages
    finally:
        await cancel_all(*tasks)


async def pictures(pages: list[SitePage]) -> list[float]:
    """When each page had its next first picture."""
    async with asyncio.timeout(PATIENCE):
        return list(await asyncio.gather(*(page.pictures.get() for page in pages)))


@pytest.mark.slow
def test_after_a_node_is_killed_teacher_and_sites_are_back_within_five_seconds(
    shared_county: County,
) -> None:
    async def scenario() -> None:
        async with new_http(shared_county.server.url) as http, contextlib.AsyncExitStack() as stack:
            admin = Api(http, shared_county.admin)
            arranged = await arrange(admin)
            pages = await stack.enter_async_context(class_in_session(arranged))
            await pictures(pages)
            for _ in range(2):  # the second death comes while the node is young
                (node,) = shared_county.server.relay_pids()
                os.kill(node, signal.SIGKILL)
                killed_at = time.monotonic()
                back_after = [at - killed_at for at in await pictures(pages)]
                assert max(back_after) < patient(REJOIN_SECONDS), back_after
                assert shared_county.server.relay_pids() != [node]
            lesson = await admin.get(f"/api/v1/lessons/{arranged.lesson_id}")
            assert lesson["state"] == "live"
            assert {site["state"] for site in lesson["sites"]} == {"joined"}

    asyncio.run(scenario())
