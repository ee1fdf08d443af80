"""An inspector's or admin's visit to a lesson: it is always in the trail, once a visit."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.rules import Holder
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.lessons.models import Lesson

SAME_VISIT: Final = timedelta(minutes=10)
"""What is opened so soon after the last noted look belongs to the same visit: a page opens several pictures at once."""


def note_visit(session: Session, lesson: Lesson, visitor: Holder, now: datetime) -> None:
    """Note that somebody who has no part in a lesson looks into it."""
    take_turns(session, (lesson.id, visitor.id))
    county, since = lesson.county_id, now - SAME_VISIT
    if not audit.was_noted(session, Act.LESSON_VISITED, county, visitor.id, lesson.id, since):
        subject = Subject("lesson", lesson.id, lesson.school_id)
        audit.note(session, Act.LESSON_VISITED, county, visitor.id, subject, after={"visitor": visitor.kind})
