"""Publishing drafts: from then on people see the lessons, and are told of every change."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.lessons import changes, planning_queries, queries
from app.lessons.changes import Doing
from app.schools import service as schools
from app.timetables import service as timetables
from app.timetables.models import Term, TimetableEntry


@dataclass(frozen=True, slots=True)
class Selection:
    """Which drafts: those of a term, narrowed to one school or to some entries."""

    term_id: UUID
    school_id: UUID | None = None
    entry_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Published:
    """What became visible."""

    entries: int
    lessons: int


def publish(session: Session, principal: Principal, selection: Selection, doing: Doing) -> Published:
    """Publish the selected drafts at once, as a bureau admin; what is published already stays as it is.

    Lessons that would be over are not published but cancelled: nobody was told to come.
    """
    county = schools.require_at(session, principal, Action.TIMETABLE_PUBLISH, principal.county_id)
    term = timetables.get_term(session, selection.term_id, county.id)
    if selection.school_id is not None:
        schools.require_at(session, principal, Action.TIMETABLE_PUBLISH, selection.school_id)
    wanted = {entry.id for entry in _selected(session, term, selection)}
    take_turns(session, wanted)
    # Somebody whose turn was before may have published or withdrawn some of them.
    drafts = [entry for entry in _selected(session, term, selection) if entry.id in wanted]
    for entry in drafts:
        entry.published = True
        changes.entry_published(session, entry, doing)
    lessons = _publish_lessons(session, [entry.id for entry in drafts], doing)
    facts = {"entries": len(drafts), "lessons": lessons, "school_id": selection.school_id}
    subject = Subject("term", term.id, selection.school_id or county.id)
    audit.note(session, Act.TIMETABLE_PUBLISHED, county.id, doing.person_id, subject, after=facts)
    return Published(len(drafts), lessons)


def _selected(session: Session, term: Term, selection: Selection) -> Sequence[TimetableEntry]:
    """Raises `NotFound` for an entry that is none of the term."""
    drafts = timetables.entries_to_publish(session, term, selection.entry_ids)
    if selection.school_id is None:
        return drafts
    rooms = schools.rooms(session, {entry.main_room_id for entry in drafts})
    return [each for each in drafts if rooms[each.main_room_id].org_unit_id == selection.school_id]


def _publish_lessons(session: Session, entry_ids: Collection[UUID], doing: Doing) -> int:
    over = planning_queries.cancel_drafts_over(session, entry_ids, doing.now)
    queries.release(session, over)
    return planning_queries.publish_drafts(session, entry_ids)
