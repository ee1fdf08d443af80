"""SQL of what is planned in rooms and for pupil groups."""

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import FREES_RESOURCES, SiteState


def of_group_from(session: Session, group_id: UUID, day: dt.date) -> Sequence[Lesson]:
    """Lessons for a pupil group from a day on, those that were held too, in order."""
    query = select(Lesson).join(LessonGroup, LessonGroup.lesson_id == Lesson.id)
    query = query.where(
        LessonGroup.pupil_group_id == group_id,
        LessonGroup.released.is_(False),
        Lesson.date >= day,
        Lesson.state.not_in(FREES_RESOURCES),
    )
    return session.scalars(query.order_by(Lesson.starts_at, Lesson.id)).all()


def in_rooms_from(session: Session, room_ids: Collection[UUID], day: dt.date) -> Sequence[Lesson]:
    """Lessons given from or received in these rooms from a day on, those that were held too, in order."""
    received = select(LessonSite.lesson_id).where(
        LessonSite.receiving_room_id.in_(room_ids), LessonSite.state != SiteState.CANCELLED
    )
    query = select(Lesson).where(
        or_(Lesson.main_room_id.in_(room_ids), Lesson.id.in_(received)),
        Lesson.date >= day,
        Lesson.state.not_in(FREES_RESOURCES),
    )
    return session.scalars(query.order_by(Lesson.starts_at, Lesson.id)).all()
