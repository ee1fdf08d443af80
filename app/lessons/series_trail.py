"""What a change of a weekly lesson came to, and telling the trail of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy.orm import Session

from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.lessons.changes import Doing
from app.lessons.reshaping import Reshaped, draft_of_entry
from app.timetables.models import TimetableEntry


@dataclass(frozen=True)
class Outcome:
    """What a change of an entry came to."""

    entry: TimetableEntry
    """The one that has the lessons now: a new one when the entry was split."""
    changed: int = 0
    added: int = 0
    cancelled: int = 0

    @classmethod
    def of(cls, shape: Reshaped) -> "Outcome":
        """Once it is carried out."""
        return cls(shape.entry, len(shape.fits), len(shape.added), len(shape.surplus))


def note(session: Session, act: Act, doing: Doing, before: Mapping[str, Any], outcome: Outcome) -> None:
    """Tell the trail of a change."""
    entry = outcome.entry
    counts = {"changed": outcome.changed, "added": outcome.added, "cancelled": outcome.cancelled}
    after = facts_of_entry(entry) | counts | {"reason": doing.reason}
    subject = Subject("timetable_entry", entry.id)
    audit.note(session, act, entry.county_id, doing.person_id, subject, before=before, after=after)


def facts_of_entry(entry: TimetableEntry) -> dict[str, Any]:
    """What an entry is like, for the trail."""
    draft = draft_of_entry(entry)
    skipped = {"term_id", "first_week", "last_week"}
    return {each.name: getattr(draft, each.name) for each in fields(draft) if each.name not in skipped}
