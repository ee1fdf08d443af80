"""Keeps the lessons' records true to what is on air, without holding up the media.

What happens on air is noted in memory at once, as the newest state of each lesson and site, and written by
one worker in the thread pool. While the database is away the notes wait, one a lesson and site, and are
written when it is back: only the newest state matters, so nothing grows.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.database import SessionFactory
from app.lessons import service as lessons
from app.lessons.rules import MAIN_STREAM
from app.live.sessions import StreamKey

_log = structlog.stdlib.get_logger(__name__)

RETRY_SECONDS: Final = 1.0


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

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory
        self._notes: dict[Subject, Note] = {}
        self._something = asyncio.Event()

    def stream_changed(self, key: StreamKey, *, live: bool) -> None:
        """Media of a stream began or ceased; the lesson's state follows its main stream."""
        if key.stream == MAIN_STREAM:
            self._note(Subject(key.lesson_id), live)

    def site_changed(self, lesson_id: uuid.UUID, site_code: str, *, present: bool) -> None:
        """A teaching site receives the lesson, or no longer does."""
        self._note(Subject(lesson_id, site_code), present)

    async def keep(self) -> None:
        """Write notes until cancelled."""
        while True:
            await self._something.wait()
            if not await self.flush():
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> bool:
        """Write what is noted now; whether all of it is written."""
        self._something.clear()
        for subject, note in list(self._notes.items()):
            try:
                await run_in_threadpool(self._write, subject, note)
            except SQLAlchemyError as error:
                _log.error("could not record what is on air, will try again", error=str(error))
                self._something.set()
                return False
            if self._notes.get(subject) == note:
                del self._notes[subject]
        return True

    def _note(self, subject: Subject, present: bool) -> None:
        self._notes.pop(subject, None)  # so that the newest comes last
        self._notes[subject] = Note(present, datetime.now(UTC))
        self._something.set()

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
