"""Teaching without a teacher: keeps a person's lessons on air with the moving test card.

It finds the person's lesson by REST, publishes ``main`` through the ordinary WHIP door, moves on when the
lesson ends, and comes back within seconds when the relay or the server was restarted. When the real teacher
(the same person, elsewhere) takes the stream over, it steps aside and returns only after the stream was
free for a while. It never takes the stream from anybody, not even from one whose media are still on their way.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import structlog

from app.demo import media_client
from app.demo.api import Api, ApiError
from app.demo.channel import ClassroomChannel, Known
from app.demo.clip import Clip, VideoCodec
from app.demo.media_client import MediaError, MediaSession
from app.demo.playing import play
from app.demo.test_card import Card

_log = structlog.stdlib.get_logger(__name__)

MAIN: Final = "main"
ASIDE_SECONDS: Final = 20.0
"""How long nobody may have published before the synthetic teacher takes the stream again."""
EARLY: Final = timedelta(minutes=1)
"""How long before its lesson the synthetic teacher is there."""
SILENCE_SECONDS: Final = 5.0
"""Without an RTCP report of the relay for so long, it no longer receives us."""
_SETTLE_SECONDS: Final = 1.0
"""How long the channel may take to tell that our own last session is gone."""
_FIRST_PAUSE: Final = 0.3
_LONGEST_PAUSE: Final = 3.0
_LOOK_AGAIN_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class CurrentLesson:
    """The lesson to teach, as far as it matters here; times on the server's clock."""

    id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    server_time: datetime
    channel: str

    @classmethod
    def of_join(cls, join: dict[str, Any]) -> Self:
        """The lesson in the answer of ``GET /api/v1/lessons/{id}/join``."""
        lesson = join["lesson"]
        return cls(
            id=lesson["id"],
            title=lesson["title"],
            starts_at=datetime.fromisoformat(lesson["starts_at"]),
            ends_at=datetime.fromisoformat(lesson["ends_at"]),
            server_time=datetime.fromisoformat(join["server_time"]),
            channel=join["channel"],
        )

    @property
    def seconds_left(self) -> float:
        """From the server's answer to the end of the lesson."""
        return (self.ends_at - self.server_time).total_seconds()

    @property
    def seconds_until_due(self) -> float:
        """From the server's answer until the teacher should be there."""
        return (self.starts_at - EARLY - self.server_time).total_seconds()


class SyntheticTeacher:
    """Teaches one person's lessons, one after the other."""

    def __init__(
        self, api: Api, codec: VideoCodec, folder: Path | None, aside_seconds: float = ASIDE_SECONDS
    ) -> None:
        self._api = api
        self._codec = codec
        self._folder = folder
        self._aside_seconds = aside_seconds

    async def run(self) -> None:
        """Teach for ever; ends by cancellation."""
        pause = _FIRST_PAUSE
        while True:
            try:
                lesson = await self._current_lesson()
                pause = _FIRST_PAUSE
                if lesson is None or lesson.seconds_until_due > 0:
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS if lesson is None else _nap(lesson))
                else:
                    await self._teach(lesson)
            except ApiError as error:
                _log.warning("cannot teach now, will try again", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 1.6)

    async def _current_lesson(self) -> CurrentLesson | None:
        try:
            lesson = await self._api.get("/api/v1/lessons/current")
        except ApiError as error:
            if getattr(error, "code", "") == "lesson.none_now":
                return None
            raise
        return CurrentLesson.of_join(await self._api.get(f"/api/v1/lessons/{lesson['id']}/join"))

    async def _teach(self, lesson: CurrentLesson) -> None:
        """Be there until the lesson is over."""
        _log.info("teaching", lesson=lesson.id, title=lesson.title, until=lesson.ends_at.isoformat())
        clip = Clip(Card(lesson.title), self._codec, self._folder)
        channel = ClassroomChannel(self._api, lesson.channel)
        publishing = asyncio.create_task(self._keep_publishing(lesson, clip, channel))
        listening = asyncio.create_task(channel.listen())
        try:
            await asyncio.wait(
                {publishing, listening},
                timeout=max(0.0, lesson.seconds_left),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            await cancel_all(publishing, listening)
        for task in (publishing, listening):
            if not task.cancelled():
                task.result()
        _log.info("lesson over", lesson=lesson.id)
        await asyncio.sleep(
            _FIRST_PAUSE
        )  # the server may need a moment until another lesson is the current one

    async def _keep_publishing(self, lesson: CurrentLesson, clip: Clip, channel: ClassroomChannel) -> None:
        pause = _FIRST_PAUSE
        replaced = False
        while True:
            await channel.wait_for(lambda known: known.connected)
            if replaced or await _is_taken(channel):
                _log.info("stepping aside: somebody else teaches", lesson=lesson.id)
                await channel.wait_free(MAIN, self._aside_seconds)
            try:
                replaced = await self._publish(lesson, clip, channel)
                pause = _FIRST_PAUSE
            except (ApiError, MediaError) as error:
                _log.warning("cannot publish now, will try again", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 1.6)

    async def _publish(self, lesson: CurrentLesson, clip: Clip, channel: ClassroomChannel) -> bool:
        """Publish until the session is over; True when the same person publishes from elsewhere now."""
        join = await self._api.get(f"/api/v1/lessons/{lesson.id}/join")
        offer = next((offer for offer in join["publish"] if offer["stream"] == MAIN), None)
        if offer is None:
            raise ApiError(f"lesson {lesson.id} does not let us publish {MAIN} now")
        before = channel.known
        session = await media_client.publish(
            self._api.http,
            offer["url"],
            offer["token"],
            play(clip),
            video_codec=self._codec,
            only_free=True,
        )
        try:
            _log.info("publishing", lesson=lesson.id)
            await _wait_for_end(session, channel, before)
        finally:
            await session.close()
        return session.replaced


async def _is_taken(channel: ClassroomChannel) -> bool:
    """Whether somebody publishes; what is left of our own last session is given a moment to go."""
    try:
        async with asyncio.timeout(_SETTLE_SECONDS):
            await channel.wait_for(lambda known: MAIN not in known.live)
    except TimeoutError:
        return True
    return False


async def _wait_for_end(session: MediaSession, channel: ClassroomChannel, before: Known) -> None:
    """Return when the session ended, when the relay or the server was restarted, or when nobody hears us."""

    def restarted(known: Known) -> bool:
        came_back_empty = known.connections > before.connections and MAIN not in known.live
        return known.restarts > before.restarts or came_back_empty

    signs = [
        asyncio.create_task(session.wait_ended()),
        asyncio.create_task(channel.wait_for(restarted)),
        asyncio.create_task(_wait_silent(session)),
    ]
    try:
        await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all(*signs)


async def _wait_silent(session: MediaSession) -> None:
    """Return once the relay has reported on us and then stopped doing so."""
    while True:
        await asyncio.sleep(1)
        last = await session.last_report_at()
        if last is not None and time.time() - last > SILENCE_SECONDS:
            return


async def cancel_all(*tasks: asyncio.Task[None]) -> None:
    """Cancel ``tasks`` and wait until they have cleaned up."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _nap(lesson: CurrentLesson) -> float:
    """Until the lesson is due, but look again now and then: timetables change."""
    return min(_LOOK_AGAIN_SECONDS, lesson.seconds_until_due)
