"""Keeps the lessons' records true to what is on air, without holding up the media.

What happens on air is noted in memory at once, as the newest state of each lesson and site, and written by
one worker in the thread pool. While the database is away the notes wait, one a lesson and site, and are
written when it is back: only the newest state matters, so nothing grows.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.database import SessionFactory
from app.lessons import service as lessons
from app.lessons.rules import MAIN_STREAM
from app.live.sessions import StreamKey
from app.threads import finish_in_threadpool


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
        """Write notes as they come; raises `SQLAlchemyError` while the database is away, then call it again."""
        while True:
            if not self._notes:
                self._something.clear()
                await self._something.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write what is noted now; what could not be written stays noted."""
        for subject, note in list(self._notes.items()):
            await finish_in_threadpool(self._write, subject, note)
            if self._notes.get(subject) == note:
                del self._notes[subject]

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
