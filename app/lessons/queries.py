"""SQL of lessons and their sites."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Integer,
    Update,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from app.database import written
from app.lessons.models import Lesson, LessonGroup, LessonSite
from app.lessons.rules import (
    AWAITS_TEACHER,
    CHANGEABLE,
    CLOSES_AFTER,
    FREES_RESOURCES,
    MISSED_AFTER,
    ON_THE_AIR,
    OPENS_BEFORE,
    TAKES_MEDIA,
    TRANSITIONS,
    LessonState,
    SiteState,
)

HERE = frozenset({SiteState.JOINED, SiteState.RECONNECTING})


_BEHIND: Final = {"synchronize_session": False}
"""Looking through all that a session remembers costs more than reading thousands of rows again."""
WHOLE = (selectinload(Lesson.sites), selectinload(Lesson.groups))


def lesson(session: Session, lesson_id: UUID) -> Lesson | None:
    """A lesson as it is now, whatever the session remembers of it."""
    query = select(Lesson).where(Lesson.id == lesson_id).options(*WHOLE)
    return session.scalar(query, execution_options={"populate_existing": True})


def known() -> ColumnElement[bool]:
    """The same as `rules.is_known`, by column: it does not make a query one of objects."""
    lessons = Lesson.__table__.c
    return and_(
        lessons.state.not_in(written([LessonState.DRAFT])),
        or_(lessons.state.not_in(written(FREES_RESOURCES)), lessons.sequence > literal_column("0")),
    )


def open_for_change(session: Session, lesson_ids: Collection[UUID]) -> int:
    """Count an edit of lessons that have not begun, and keep them from beginning until the transaction ends.

    Returns how many they are. Those that the session remembers are to be read again.
    """
    told = case((Lesson.state == LessonState.DRAFT, 0), else_=1)
    statement = update(Lesson).where(Lesson.id.in_(lesson_ids), Lesson.state.in_(CHANGEABLE))
    return _changed(session, statement.values(sequence=Lesson.sequence + told).execution_options(**_BEHIND))


def cancel(session: Session, lesson_ids: Collection[UUID], reason: str | None) -> None:
    """Cancel lessons that were opened for change; those that the session remembers are to be read again."""
    statement = update(Lesson).where(Lesson.id.in_(lesson_ids))
    values = {"state": LessonState.CANCELLED, "state_reason": reason}
    session.execute(statement.values(values).execution_options(**_BEHIND))
    release(session, lesson_ids)


def lessons_by_ids(session: Session, ids: Collection[UUID]) -> Sequence[Lesson]:
    """Lessons as they are now, in order."""
    query = select(Lesson).where(Lesson.id.in_(ids)).order_by(Lesson.starts_at, Lesson.id).options(*WHOLE)
    return session.scalars(query, execution_options={"populate_existing": True}).all()


def standing_on(session: Session, county_id: UUID, days: Collection[dt.date]) -> Sequence[Lesson]:
    """Lessons of the weekly timetable that take place on these days, or took place, in order."""
    query = select(Lesson).where(
        Lesson.county_id == county_id,
        Lesson.date.in_(days),
        Lesson.entry_id.is_not(None),
        Lesson.state.not_in(FREES_RESOURCES),
    )
    return session.scalars(query.order_by(Lesson.starts_at, Lesson.id)).all()


def takes_place(state: InstrumentedAttribute[LessonState]) -> ColumnElement[bool]:
    """Whether a lesson was neither called off nor moved, in the words of the index of those that make up for others."""
    return state.not_in(written(FREES_RESOURCES))


def moved_to(session: Session, calendar_uid: UUID) -> Lesson | None:
    """Where a lesson is that was moved, once or several times."""
    return session.scalar(
        select(Lesson).where(Lesson.calendar_uid == calendar_uid, Lesson.state != LessonState.MOVED)
    )


def made_up_by(session: Session, lesson_id: UUID) -> UUID | None:
    """The lesson that makes up for this one."""
    query = select(Lesson.id).where(Lesson.makes_up_id == lesson_id, takes_place(Lesson.state))
    return session.scalar(query)


def lessons_carried(session: Session, pairing_id: UUID, first_day: dt.date) -> Sequence[Lesson]:
    """Lessons from a day on that reach a site under this pairing, in order."""
    query = (
        select(Lesson)
        .join(LessonSite, LessonSite.lesson_id == Lesson.id)
        .where(
            LessonSite.pairing_id == pairing_id,
            LessonSite.state != SiteState.CANCELLED,
            Lesson.date >= first_day,
        )
        .order_by(Lesson.starts_at, Lesson.id)
    )
    return session.scalars(query.options(*WHOLE), execution_options={"populate_existing": True}).all()


def drop_site(session: Session, pairing_id: UUID, site_id: UUID, lesson_ids: Collection[UUID]) -> None:
    """Take the site of a pairing, and its pupils, out of lessons that were opened for change."""
    site = (LessonSite.pairing_id == pairing_id, LessonSite.lesson_id.in_(lesson_ids))
    session.execute(update(LessonSite).where(*site).values(state=SiteState.CANCELLED))
    pupils = (LessonGroup.org_unit_id == site_id, LessonGroup.lesson_id.in_(lesson_ids))
    session.execute(update(LessonGroup).where(*pupils).values(released=True))


def ids_on(
    session: Session, county_id: UUID, units: Collection[UUID], day: dt.date, drafts: bool
) -> Sequence[UUID]:
    """Lessons of a day that are given at these units or reach them, and are still to come or on the air."""
    reached = select(LessonSite.lesson_id).where(
        LessonSite.site_id.in_(units), LessonSite.state != SiteState.CANCELLED
    )
    query = select(Lesson.id).where(
        Lesson.county_id == county_id,
        Lesson.date == day,
        Lesson.state.in_(CHANGEABLE | ON_THE_AIR),
        or_(Lesson.school_id.in_(units), Lesson.id.in_(reached)),
    )
    return session.scalars(query if drafts else query.where(known())).all()


def drop_units(session: Session, lesson_ids: Collection[UUID], units: Collection[UUID]) -> None:
    """Take the sites at these units, and their pupils, out of lessons."""
    sites = update(LessonSite).where(LessonSite.lesson_id.in_(lesson_ids), LessonSite.site_id.in_(units))
    session.execute(sites.values(state=SiteState.CANCELLED))
    pupils = update(LessonGroup).where(
        LessonGroup.lesson_id.in_(lesson_ids), LessonGroup.org_unit_id.in_(units)
    )
    session.execute(pupils.values(released=True))


def cancel_without_sites(session: Session, lesson_ids: Collection[UUID], reason: str) -> None:
    """Cancel those of the lessons that no site takes part in any more; they have not begun."""
    served = select(LessonSite.lesson_id).where(
        LessonSite.lesson_id.in_(lesson_ids), LessonSite.state != SiteState.CANCELLED
    )
    alone = update(Lesson).where(Lesson.id.in_(lesson_ids), Lesson.id.not_in(served))
    values = {"state": LessonState.CANCELLED, "state_reason": reason}
    release(session, session.scalars(alone.values(values).returning(Lesson.id)).all())


def change_state(
    session: Session, lesson_id: UUID, target: LessonState, values: dict[str, Any] | None = None
) -> bool:
    """Take a step of the state machine if the lesson is where the step starts; False when it is not."""
    sources = [state for state, targets in TRANSITIONS.items() if target in targets]
    statement = (
        update(Lesson)
        .where(Lesson.id == lesson_id, Lesson.state.in_(sources))
        .values(state=target, **(values or {}))
    )
    return _changed(session, statement) > 0


def went_live(session: Session, lesson_id: UUID, now: dt.datetime) -> bool:
    values = {"went_live_at": func.coalesce(Lesson.went_live_at, now), "live_since": now}
    if not change_state(session, lesson_id, LessonState.LIVE, values):
        return False
    there = (LessonSite.lesson_id == lesson_id, LessonSite.state.in_(HERE))
    session.execute(update(LessonSite).where(*there).values(received_since=now))
    return True


def interrupted(session: Session, lesson_id: UUID, now: dt.datetime) -> bool:
    if not change_state(session, lesson_id, LessonState.INTERRUPTED, _off_the_air(now)):
        return False
    receiving = update(LessonSite).where(LessonSite.lesson_id == lesson_id)
    session.execute(receiving.values(_not_receiving(now)))
    return True


def ended(session: Session, lesson_id: UUID, now: dt.datetime) -> bool:
    return change_state(session, lesson_id, LessonState.ENDED, {"ended_at": now, **_off_the_air(now)})


def site_joined(session: Session, lesson_id: UUID, site_code: str, now: dt.datetime) -> bool:
    on_air = exists().where(Lesson.id == LessonSite.lesson_id, Lesson.state == LessonState.LIVE)
    since = case((on_air, func.coalesce(LessonSite.received_since, now)), else_=LessonSite.received_since)
    values = {"joined_at": func.coalesce(LessonSite.joined_at, now), "left_at": None, "received_since": since}
    statement = _site(lesson_id, site_code).where(LessonSite.state != SiteState.CANCELLED)
    return _changed(session, statement.values(state=SiteState.JOINED, **values)) > 0


def site_left(session: Session, lesson_id: UUID, site_code: str, now: dt.datetime) -> bool:
    statement = _site(lesson_id, site_code).where(LessonSite.state.in_(HERE))
    return _changed(session, statement.values(state=SiteState.LEFT, left_at=now, **_not_receiving(now))) > 0


def count_on_air(session: Session, lesson_ids: Collection[UUID], now: dt.datetime) -> None:
    """Add what ran until now to the seconds of lessons that are live, and of their sites: a later span begins now."""
    live = (Lesson.id.in_(lesson_ids), Lesson.live_since < now)
    values = {**_off_the_air(now), "live_since": now}
    session.execute(update(Lesson).where(*live).values(values).execution_options(**_BEHIND))
    there = (LessonSite.lesson_id.in_(lesson_ids), LessonSite.received_since < now)
    values = {**_not_receiving(now), "received_since": now}
    session.execute(update(LessonSite).where(*there).values(values).execution_options(**_BEHIND))


def forsake(session: Session, now: dt.datetime) -> int:
    """Interrupt what is live and have everybody leave, as of when it was last counted; how many lessons were live."""
    not_over = select(Lesson.id).where(Lesson.state.in_(TAKES_MEDIA))
    there = (LessonSite.lesson_id.in_(not_over), LessonSite.state.in_(HERE))
    left_at = func.coalesce(LessonSite.received_since, now)
    gone = {"state": SiteState.LEFT, "left_at": left_at, "received_since": None}
    session.execute(update(LessonSite).where(*there).values(gone).execution_options(**_BEHIND))
    live = update(Lesson).where(Lesson.state == LessonState.LIVE)
    return _changed(session, live.values(state=LessonState.INTERRUPTED, live_since=None))


def _off_the_air(now: dt.datetime) -> dict[str, Any]:
    """A lesson's columns when its main stream ceases: what was on the air until now is counted."""
    ran = _seconds_within(Lesson.live_since, now, Lesson.starts_at, Lesson.ends_at)
    return {"live_since": None, "live_seconds": Lesson.live_seconds + ran}


def _not_receiving(now: dt.datetime) -> dict[str, Any]:
    """The same of a site that leaves, or has nothing to receive any more."""
    ran = _seconds_within(LessonSite.received_since, now, LessonSite.starts_at, LessonSite.ends_at)
    return {"received_since": None, "received_seconds": LessonSite.received_seconds + ran}


def _seconds_within(
    since: InstrumentedAttribute[dt.datetime | None],
    now: dt.datetime,
    starts_at: InstrumentedAttribute[dt.datetime],
    ends_at: InstrumentedAttribute[dt.datetime],
) -> ColumnElement[int]:
    """Seconds of a span that lie within the planned time; 0 for one that has not begun."""
    first = case((since < starts_at, starts_at), else_=since)
    last = case((ends_at < now, ends_at), else_=now)
    seconds = cast(extract("epoch", last) - extract("epoch", first), Integer)
    return case((and_(since.is_not(None), first < last), seconds), else_=0)


def _site(lesson_id: UUID, site_code: str) -> Update:
    return update(LessonSite).where(LessonSite.lesson_id == lesson_id, LessonSite.site_code == site_code)


def release(session: Session, lesson_ids: Collection[UUID]) -> None:
    """Free the receiving rooms and the pupils of lessons that will not take place."""
    sites = update(LessonSite).where(LessonSite.lesson_id.in_(lesson_ids))
    session.execute(sites.values(state=SiteState.CANCELLED).execution_options(**_BEHIND))
    groups = update(LessonGroup).where(LessonGroup.lesson_id.in_(lesson_ids))
    session.execute(groups.values(released=True).execution_options(**_BEHIND))


def prepare_due(session: Session, now: dt.datetime) -> int:
    due = (Lesson.state == LessonState.PUBLISHED, Lesson.starts_at <= now + OPENS_BEFORE)
    return _changed(session, update(Lesson).where(*due).values(state=LessonState.PREPARING))


def miss_overdue(session: Session, now: dt.datetime) -> int:
    due = (Lesson.state.in_(AWAITS_TEACHER), Lesson.starts_at <= now - MISSED_AFTER)
    return _changed(session, update(Lesson).where(*due).values(state=LessonState.MISSED))


def end_overdue(session: Session, now: dt.datetime) -> Sequence[UUID]:
    due = (Lesson.state.in_(ON_THE_AIR), Lesson.ends_at <= now - CLOSES_AFTER)
    ending = update(Lesson).where(*due).values(state=LessonState.ENDED, ended_at=now, **_off_the_air(now))
    return session.scalars(ending.returning(Lesson.id)).all()


def dismiss_sites(session: Session, lesson_ids: Collection[UUID], now: dt.datetime) -> None:
    """Everybody who is still there leaves."""
    there = (LessonSite.lesson_id.in_(lesson_ids), LessonSite.state.in_(HERE))
    values = {"state": SiteState.LEFT, "left_at": now, **_not_receiving(now)}
    session.execute(update(LessonSite).where(*there).values(values))


def _changed(session: Session, statement: Update) -> int:
    """Run an update and count the rows it found."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
