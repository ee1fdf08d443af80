"""SQL of terms, bell schedules and timetable entries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, tuple_
from sqlalchemy.orm import Session, selectinload

from app.listing import Paging, Slice, both_ways, sliced
from app.timetables.models import BellSchedule, CalendarDay, Term, TimetableEntry, TimetableEntrySite


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of timetable entries is narrowed by."""

    county_id: UUID
    term_id: UUID | None = None
    main_room_id: UUID | None = None
    teacher_id: UUID | None = None
    drafts: bool = False
    room_id: UUID | None = None
    room_ids: Collection[UUID] | None = None
    subject: str | None = None
    weekday: int | None = None
    published: bool | None = None


_WHOLE = (selectinload(TimetableEntry.sites), selectinload(TimetableEntry.groups))
_SLOT = TimetableEntry.weekday * 100 + TimetableEntry.period


def term(session: Session, term_id: UUID) -> Term | None:
    return session.get(Term, term_id)


TERM_ORDERS = both_ways(first_day=(Term.first_day, Term.id))


def terms_page(session: Session, county_id: UUID, on: date | None, paging: Paging) -> Slice[Term]:
    """Terms in one of the `TERM_ORDERS`."""
    query = select(Term).where(Term.county_id == county_id)
    if on is not None:
        query = query.where(Term.first_day <= on, Term.last_day >= on)
    return sliced(session, query, TERM_ORDERS, paging)


def terms_meeting(session: Session, county_id: UUID, first_day: date, last_day: date) -> Sequence[Term]:
    """Terms that share a day with a span."""
    query = select(Term).where(
        Term.county_id == county_id, Term.first_day <= last_day, Term.last_day >= first_day
    )
    return session.scalars(query.order_by(Term.first_day)).all()


def calendar_days(
    session: Session, county_id: UUID, first_day: date, last_day: date, limit: int | None = None
) -> Sequence[CalendarDay]:
    """The special days of a county in a span, both ends included, in order."""
    query = select(CalendarDay).where(
        CalendarDay.county_id == county_id, CalendarDay.date >= first_day, CalendarDay.date <= last_day
    )
    return session.scalars(query.order_by(CalendarDay.date).limit(limit)).all()


def entries_of_weekdays(
    session: Session, county_id: UUID, weekdays: Collection[int], first_day: date, last_day: date
) -> Sequence[TimetableEntry]:
    """Entries of these weekdays that share a day with a span."""
    query = select(TimetableEntry).where(
        TimetableEntry.county_id == county_id,
        TimetableEntry.weekday.in_(weekdays),
        TimetableEntry.withdrawn.is_(False),
        TimetableEntry.first_day <= last_day,
        TimetableEntry.last_day >= first_day,
    )
    return session.scalars(query.order_by(TimetableEntry.weekday, TimetableEntry.period)).all()


def bell_schedule(session: Session, schedule_id: UUID) -> BellSchedule | None:
    """A schedule as it is now, whatever the session remembers of it."""
    query = select(BellSchedule).where(BellSchedule.id == schedule_id)
    query = query.options(selectinload(BellSchedule.periods))
    return session.scalar(query, execution_options={"populate_existing": True})


def entries_of_term(session: Session, term_id: UUID) -> list[TimetableEntry]:
    """All that was not withdrawn, as it is now, by first day; drafts too."""
    query = select(TimetableEntry).where(
        TimetableEntry.term_id == term_id, TimetableEntry.withdrawn.is_(False)
    )
    query = query.order_by(TimetableEntry.first_day, TimetableEntry.id)
    return list(session.scalars(query, execution_options={"populate_existing": True}))


def bell_schedules_page(
    session: Session,
    org_unit_ids: Collection[UUID],
    on: date | None,
    after: tuple[date, UUID] | None,
    limit: int,
) -> Sequence[BellSchedule]:
    """Bell schedules of these units by first day, all of them or those in force on a day."""
    query = select(BellSchedule).where(BellSchedule.org_unit_id.in_(org_unit_ids))
    if on is not None:
        query = query.where(BellSchedule.valid_from <= on, BellSchedule.valid_to >= on)
    if after is not None:
        query = query.where(tuple_(BellSchedule.valid_from, BellSchedule.id) > tuple_(*after))
    query = query.order_by(BellSchedule.valid_from, BellSchedule.id).limit(limit)
    return session.scalars(query.options(selectinload(BellSchedule.periods))).all()


def bell_schedules_of(
    session: Session, org_unit_ids: Collection[UUID], first_day: date, last_day: date
) -> Sequence[BellSchedule]:
    """Bell schedules of these units that share a day with a span."""
    query = select(BellSchedule).where(
        BellSchedule.org_unit_id.in_(org_unit_ids),
        BellSchedule.valid_from <= last_day,
        BellSchedule.valid_to >= first_day,
    )
    query = query.order_by(BellSchedule.valid_from).options(selectinload(BellSchedule.periods))
    return session.scalars(query).all()


def slots_of_term(session: Session, term_id: UUID) -> Sequence[tuple[UUID, str, int, int]]:
    """Main room, subject, weekday and period of every entry of a term that was not withdrawn; drafts too."""
    columns = (
        TimetableEntry.main_room_id,
        TimetableEntry.subject,
        TimetableEntry.weekday,
        TimetableEntry.period,
    )
    rows = session.execute(
        select(*columns).where(TimetableEntry.term_id == term_id, TimetableEntry.withdrawn.is_(False))
    )
    return [(room_id, subject, weekday, period) for room_id, subject, weekday, period in rows]


def entry(session: Session, entry_id: UUID) -> TimetableEntry | None:
    query = select(TimetableEntry).where(TimetableEntry.id == entry_id)
    return session.scalar(query.options(*_WHOLE))


def entries_by_ids(session: Session, ids: Collection[UUID]) -> Sequence[TimetableEntry]:
    return session.scalars(select(TimetableEntry).where(TimetableEntry.id.in_(ids)).options(*_WHOLE)).all()


ENTRY_ORDERS = both_ways(slot=(_SLOT, TimetableEntry.id), title=(TimetableEntry.title, TimetableEntry.id))


def entries_page(session: Session, search: Search, paging: Paging) -> Slice[TimetableEntry]:
    """Entries in one of the `ENTRY_ORDERS`."""
    query = select(TimetableEntry).where(
        TimetableEntry.county_id == search.county_id, TimetableEntry.withdrawn.is_(False)
    )
    if not search.drafts:
        query = query.where(TimetableEntry.published)
    for column, wanted in (
        (TimetableEntry.term_id, search.term_id),
        (TimetableEntry.main_room_id, search.main_room_id),
        (TimetableEntry.teacher_id, search.teacher_id),
        (TimetableEntry.subject, search.subject),
        (TimetableEntry.weekday, search.weekday),
        (TimetableEntry.published, search.published),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if search.room_id is not None:
        query = query.where(_in_rooms([search.room_id]))
    if search.room_ids is not None:
        query = query.where(_in_rooms(search.room_ids))
    return sliced(session, query.options(*_WHOLE), ENTRY_ORDERS, paging)


def _in_rooms(room_ids: Collection[UUID]) -> ColumnElement[bool]:
    """Given in one of the rooms, or reaching it."""
    reached = select(TimetableEntrySite.entry_id).where(TimetableEntrySite.receiving_room_id.in_(room_ids))
    return or_(TimetableEntry.main_room_id.in_(room_ids), TimetableEntry.id.in_(reached))


def drafts(session: Session, term_id: UUID, entry_ids: Collection[UUID]) -> Sequence[TimetableEntry]:
    """Entries of a term that are not published yet: all of them, or those of some ids."""
    query = select(TimetableEntry).where(
        TimetableEntry.term_id == term_id,
        TimetableEntry.published.is_(False),
        TimetableEntry.withdrawn.is_(False),
    )
    if entry_ids:
        query = query.where(TimetableEntry.id.in_(entry_ids))
    return session.scalars(query.order_by(TimetableEntry.id)).all()


def entries_meeting(
    session: Session, county_id: UUID, first_day: date, last_day: date
) -> Sequence[TimetableEntry]:
    """Entries of a county that give lessons in a span, as far as their days say."""
    query = select(TimetableEntry).where(
        TimetableEntry.county_id == county_id,
        TimetableEntry.withdrawn.is_(False),
        TimetableEntry.first_day <= last_day,
        TimetableEntry.last_day >= first_day,
    )
    return session.scalars(query.order_by(TimetableEntry.id).options(*_WHOLE)).all()
