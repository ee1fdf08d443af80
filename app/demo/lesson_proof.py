"""The main job, done for real: a teacher publishes, three sites receive, one answers, the teacher sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from app.demo import media_client
from app.demo.api import Api
from app.demo.arranging import Arranged, arrange
from app.demo.clip import Clip
from app.demo.media_client import MediaError
from app.demo.playing import play
from app.demo.report import report
from app.demo.server import relay_counters
from app.demo.test_card import Card
from app.demo.watching import Sending, Watcher

SECONDS: Final = 10.0
FIRST_PICTURE_SECONDS: Final = 10.0
TEACHER: Final = 0
ANSWERING: Final = 1
"""Sources in the frame marks: the teacher, and the site that answers."""

Say = Callable[[str], None]


async def prove(admin: Api, say: Say, seconds: float = SECONDS) -> dict[str, Any]:
    """Schedule a lesson, teach it for ``seconds``, and return the report."""
    arranged = await arrange(admin)
    say(f"scheduled over REST: {arranged.title}, lesson {arranged.lesson_id}")
    async with AsyncExitStack() as stack:
        main = await stack.enter_async_context(_on_air(arranged, arranged.teacher, "main", TEACHER))
        say("the teacher publishes main")
        watchers = [Watcher(TEACHER, *main) for _ in arranged.sites]
        for watcher in watchers:
            stack.push_async_callback(watcher.close)
        await asyncio.gather(
            *(
                _watch(arranged, site.api, "main", watcher)
                for site, watcher in zip(arranged.sites, watchers, strict=True)
            )
        )
        say(f"{len(watchers)} teaching sites see the teacher")
        answering = arranged.sites[0]
        stream = f"site-{answering.code}"
        back = await stack.enter_async_context(_on_air(arranged, answering.api, stream, ANSWERING))
        teachers_eye = Watcher(ANSWERING, *back)
        stack.push_async_callback(teachers_eye.close)
        await _watch(arranged, arranged.teacher, stream, teachers_eye)
        say(f"the teacher sees {answering.code}; now {seconds:.0f} s of lesson")
        cpu, packets = await relay_counters(admin.http)
        await asyncio.sleep(seconds)
        cpu_after, packets_after = await relay_counters(admin.http)
        seen = await asyncio.gather(*(watcher.stop() for watcher in (*watchers, teachers_eye)))
    relay_us = (cpu_after - cpu) / (packets_after - packets) * 1e6 if packets_after > packets else None
    by_site = {site.code: one for site, one in zip(arranged.sites, seen, strict=False)}
    return report(arranged.lesson_id, by_site, (answering.code, seen[-1]), relay_us)


@asynccontextmanager
async def _on_air(
    arranged: Arranged, api: Api, stream: str, source: int
) -> AsyncIterator[tuple[list[float | None], Sending]]:
    """Publish a test card as ``stream``; when each of its frames was handed over, and how steadily."""
    offer = await _offer(arranged, api, "publish", stream)
    title = arranged.title if source == TEACHER else stream
    video, audio = play(Clip(Card(title, source)))
    session = await media_client.publish(api.http, offer["url"], offer["token"], (video, audio))
    try:
        yield video.handed_at, Sending(video.sent, audio.sent)
    finally:
        await session.close()


async def _watch(arranged: Arranged, api: Api, stream: str, watcher: Watcher) -> None:
    """Open ``watcher`` and wait for its first picture."""
    offer = await _offer(arranged, api, "watch", stream)
    await watcher.open(api.http, offer["url"], offer["token"])
    try:
        async with asyncio.timeout(FIRST_PICTURE_SECONDS):
            await watcher.first_picture()
    except TimeoutError:
        raise MediaError(f"no picture of {stream} within {FIRST_PICTURE_SECONDS:.0f} s") from None


async def _offer(arranged: Arranged, api: Api, direction: str, stream: str) -> dict[str, Any]:
    """What ``join`` lets somebody do with a stream: its URL and a grant."""
    join = await api.get(f"/api/v1/lessons/{arranged.lesson_id}/join")
    for offer in join[direction]:
        if offer["stream"] == stream:
            return dict(offer)
    raise MediaError(f"joining the lesson does not allow to {direction} {stream}")
