"""Use cases of finding lessons, as they are shown to whoever has a part in them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import reach
from app.accounts.rules import Principal
from app.errors import NotFound
from app.lessons import finding_queries as queries
from app.lessons import showing_queries
from app.lessons.finding_queries import Reach, Search
from app.lessons.rules import TAKES_MEDIA, LessonState, OnAirWindow, nearest
from app.lessons.service import no_lesson, require_seen, sees_drafts, target_at
from app.lessons.showing_queries import ShownLesson as ShownLesson
from app.lessons.showing_queries import ShownSite as ShownSite
from app.listing import Paging, Slice
from app.schools import service as schools

LOOK_AHEAD = timedelta(hours=24)

FIRST_PAGE = Paging("starts_at", None, 50)


@dataclass(frozen=True)
class Wanted:
    """What a list of lessons is narrowed by; `starts_before` itself is not included."""

    mine: bool = False
    starts_from: datetime | None = None
    starts_before: datetime | None = None
    states: frozenset[LessonState] = frozenset()
    entry_id: UUID | None = None
    term_id: UUID | None = None
    teacher_id: UUID | None = None
    room_id: UUID | None = None
    subject: str | None = None
    org_unit_id: UUID | None = None
    without_teacher: bool = False


def shown(session: Session, lesson_id: UUID) -> ShownLesson:
    """One lesson as it is now, whoever asks."""
    session.flush()
    return showing_queries.by_ids(session, (lesson_id,))[0]


def show_lesson(session: Session, principal: Principal, lesson_id: UUID) -> ShownLesson:
    """One lesson, for those who have a part in it; raises `NotFound`."""
    for lesson in showing_queries.by_ids(session, (lesson_id,)):
        paths = {site.site_id: site.path for site in lesson.sites} | {lesson.school_id: lesson.school_path}
        require_seen(principal, Action.LESSON_SHOW, lesson, target_at(lesson, paths))
        return lesson
    raise no_lesson(lesson_id)


def list_lessons(
    session: Session, principal: Principal, wanted: Wanted, paging: Paging = FIRST_PAGE
) -> Slice[ShownLesson]:
    """The lessons somebody has a part in, and where the next page starts."""
    units = None if wanted.org_unit_id is None else schools.ids_below(session, [wanted.org_unit_id])
    search = Search(
        county_id=principal.county_id,
        reach=_own_reach(session, principal) if wanted.mine else _reach(session, principal),
        starts_from=wanted.starts_from,
        starts_before=wanted.starts_before,
        states=wanted.states,
        entry_id=wanted.entry_id,
        term_id=wanted.term_id,
        teacher_id=wanted.teacher_id,
        room_id=wanted.room_id,
        subject=wanted.subject,
        org_unit_ids=units,
        without_teacher=wanted.without_teacher,
        drafts=sees_drafts(principal),
    )
    return queries.page(session, search, paging)


def current_lesson(session: Session, principal: Principal, now: datetime) -> ShownLesson:
    """The lesson somebody teaches or assists now, else their next one within a day; raises `NotFound`."""
    search = Search(
        county_id=principal.county_id,
        reach=_own_reach(session, principal),
        ends_after=OnAirWindow.latest_end_closed_at(now),
        starts_before=now + LOOK_AHEAD,
        states=TAKES_MEDIA,
    )
    found = {each.id: each for each in queries.page(session, search, FIRST_PAGE).items}
    windows = {each.id: OnAirWindow.of(each.starts_at, each.ends_at) for each in found.values()}
    lesson_id = nearest(windows, now)
    if lesson_id is None:
        raise NotFound(
            "lesson.none_now", "No lesson now", "You have no lesson now and none in the next 24 hours."
        )
    return found[lesson_id]


def _own_reach(session: Session, principal: Principal) -> Reach:
    """The lessons somebody teaches or assists."""
    within = reach(principal, Action.LESSON_SHOW)
    return Reach(
        teacher_id=principal.person_id if within.teaches else None,
        site_ids=schools.ids_below(session, within.assists),
        room_id=within.room_id,
        lesson_id=within.lesson_id,
    )


def _reach(session: Session, principal: Principal) -> Reach:
    """The lessons that `show_lesson` and the table of permissions would show one by one."""
    within = reach(principal, Action.LESSON_SHOW)
    if within.county_id is not None:
        return Reach(county=True)
    own = _own_reach(session, principal)
    administered = schools.ids_below(session, within.units)
    return replace(own, school_ids=administered, site_ids=own.site_ids | administered)
