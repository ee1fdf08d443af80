"""SQL of counting planned lessons by what they reach."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import FREES_RESOURCES, LessonState, SiteState
from app.timetables.rules import LessonMode

Counts = dict[tuple[UUID, str], int]


def _of_term(term_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Lesson.term_id == term_id, Lesson.state.not_in([*FREES_RESOURCES, LessonState.DRAFT])


def by_group(session: Session, term_id: UUID) -> Counts:
    """Lessons of a term by pupil group and subject."""
    query = (
        select(LessonGroup.pupil_group_id, Lesson.subject, func.count())
        .join(Lesson, Lesson.id == LessonGroup.lesson_id)
        .where(*_of_term(term_id), LessonGroup.released.is_(False))
        .group_by(LessonGroup.pupil_group_id, Lesson.subject)
    )
    return {(group, subject): count for group, subject, count in session.execute(query)}


def by_unit_without_groups(session: Session, term_id: UUID) -> Counts:
    """Lessons of a term that reach a site, or teach the main school's own class, and name no group there."""
    of_site = (
        select(LessonSite.site_id, Lesson.subject, func.count())
        .join(Lesson, Lesson.id == LessonSite.lesson_id)
        .where(*_of_term(term_id), LessonSite.state != SiteState.CANCELLED, ~_names(LessonSite.site_id))
        .group_by(LessonSite.site_id, Lesson.subject)
    )
    of_school = (
        select(Lesson.school_id, Lesson.subject, func.count())
        .where(*_of_term(term_id), Lesson.mode == LessonMode.SYNCHRONOUS, ~_names(Lesson.school_id))
        .group_by(Lesson.school_id, Lesson.subject)
    )
    found: Counts = {}
    for query in (of_site, of_school):
        for unit_id, subject, count in session.execute(query):
            found[unit_id, subject] = found.get((unit_id, subject), 0) + count
    return found


def _names(unit_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    return exists().where(
        LessonGroup.lesson_id == Lesson.id,
        LessonGroup.org_unit_id == unit_id,
        LessonGroup.released.is_(False),
    )
