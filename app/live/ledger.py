"""Keeps the lessons' records true to what is on air, without holding up the media.

What happens on air is noted in memory at once, as the newest state of each lesson and site, and written by
one worker in the thread pool. While the database is away the notes wait, one a lesson and site, and are
written when it is back: only the newest state matters, so nothing grows.

A server may die without its last words. So what is on the air is counted every half minute, by the same worker, that no
note from before comes after it; and the next server begins by interrupting what the dead one left on the air.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.orm import Session

from app.database import SessionFactory
from app.lessons import service as lessons
from app.lessons.rules import MAIN_STREAM
from app.live.sessions import StreamKey
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

COUNT_EVERY: Final = timedelta(seconds=30)
"""So much of a lesson is lost at most when the server dies."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a note is about: a lesson's main stream, or one site's presence."""

    lesson_id: uuid.UUID
    site_code: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """The newest known state of a subject."""

    present: bool
    at: datetime


class Ledger:
    """Notes of what is on air, and the worker that writes them."""

    def __init__(
        self, factory: SessionFactory, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._factory = factory
        self._clock = clock
        self._notes: dict[Subject, Note] = {}
        self._something = asyncio.Event()
        self._on_air: set[uuid.UUID] = set()
        self._counted_at = clock()
        self._begun = False

    def stream_changed(self, key: StreamKey, *, live: bool) -> None:
        """Media of a stream began or ceased; the lesson's state follows its main stream."""
        if key.stream == MAIN_STREAM:
            (self._on_air.add if live else self._on_air.discard)(key.lesson_id)
            self._note(Subject(key.lesson_id), live)

    def site_changed(self, lesson_id: uuid.UUID, site_code: str, *, present: bool) -> None:
        """A teaching site receives the lesson, or no longer does."""
        self._note(Subject(lesson_id, site_code), present)

    async def begin(self) -> None:
        """Interrupt what an earlier server left on the air; nothing when that is done. Before the first note."""
        if not self._begun:
            await finish_in_threadpool(self._forsake)
            self._begun = True

    async def keep(self) -> None:
        """Write notes as they come; raises `SQLAlchemyError` while the database is away, then call it again."""
        await self.begin()
        while True:
            self._something.clear()
            await self.flush()
            await self.count()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next_count()):
                    await self._something.wait()

    async def flush(self) -> None:
        """Write what is noted now; what could not be written stays noted."""
        for subject, note in list(self._notes.items()):
            await finish_in_threadpool(self._write, subject, note)
            if self._notes.get(subject) == note:
                del self._notes[subject]

    def _until_next_count(self) -> float | None:
        """Seconds; None when nothing is on the air."""
        seconds = (self._counted_at + COUNT_EVERY - self._clock()).total_seconds()
        return min(max(0.1, seconds), COUNT_EVERY.total_seconds()) if self._on_air else None

    async def count(self) -> None:
        """Count what ran until now, unless that was done a moment ago, or notes of what was before are left."""
        now = self._clock().replace(microsecond=0)  # whole seconds, so that nothing is rounded off each time
        if self._on_air and not self._notes and now >= self._counted_at + COUNT_EVERY:
            await finish_in_threadpool(self._count, tuple(self._on_air), now)
            self._counted_at = now

    def _note(self, subject: Subject, present: bool) -> None:
        self._notes.pop(subject, None)  # so that the newest comes last
        self._notes[subject] = Note(present, self._clock())
        self._something.set()

    def _forsake(self) -> None:
        with self._factory.begin() as session:
            if forsaken := lessons.forsake(session, self._clock()):
                _log.warning(
                    "an earlier server left lessons on the air; they are interrupted", lessons=forsaken
                )

    def _count(self, lesson_ids: tuple[uuid.UUID, ...], now: datetime) -> None:
        with self._factory.begin() as session:
            lessons.count_on_air(session, lesson_ids, now)

    def _write(self, subject: Subject, note: Note) -> None:
        with self._factory.begin() as session:
            _record(session, subject, note)


def _record(session: Session, subject: Subject, note: Note) -> None:
    if subject.site_code is None:
        mark = lessons.mark_publishing if note.present else lessons.mark_interrupted
        mark(session, subject.lesson_id, note.at)
    else:
        mark_site = lessons.mark_site_joined if note.present else lessons.mark_site_left
        mark_site(session, subject.lesson_id, subject.site_code, note.at)
