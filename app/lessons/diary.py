"""Lessons as a calendar shows them: of a person, a room, a site or a county, those that people know of."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.rules import Role
from app.lessons import diary_queries as queries
from app.lessons.rules import LessonState
from app.schools import service as schools


class Whose(StrEnum):
    """Whose lessons a calendar shows."""

    PERSON = "person"  # what they teach, and what reaches the sites they assist at
    ROOM = "room"
    SITE = "site"
    COUNTY = "county"


@dataclass(frozen=True, slots=True)
class DiaryEntry:
    """One lesson, in words and moments."""

    lesson_id: UUID
    calendar_uid: UUID
    """Stays the same when the lesson moves."""
    sequence: int
    starts_at: datetime
    ends_at: datetime
    title: str
    subject: str
    cancelled: bool
    reason: str | None
    teacher: str
    main_room: str
    """With the name of its school, as receiving rooms with that of their site."""
    receiving_rooms: tuple[str, ...]
    changed_at: datetime | None
    """When people last had to be told something about it."""


def diary(
    session: Session,
    county_id: UUID,
    whose: Whose,
    subject_id: UUID,
    starts_from: datetime,
    starts_before: datetime,
    limit: int,
) -> list[DiaryEntry]:
    """Lessons that start within a half-open span, in order, cancelled ones included, at most `limit`."""
    found = queries.lessons(
        session, county_id, _condition(session, whose, subject_id), starts_from, starts_before, limit
    )
    rooms_of = queries.site_rooms(session, [lesson.id for lesson, _ in found])
    people = accounts.names(session, {lesson.teacher_id for lesson, _ in found})
    rooms = room_names(
        session,
        {lesson.main_room_id for lesson, _ in found}.union(*rooms_of.values()),
    )
    return [
        DiaryEntry(
            lesson_id=lesson.id,
            calendar_uid=lesson.calendar_uid,
            sequence=lesson.sequence,
            starts_at=lesson.starts_at,
            ends_at=lesson.ends_at,
            title=lesson.title,
            subject=lesson.subject,
            cancelled=lesson.state is LessonState.CANCELLED,
            reason=lesson.state_reason,
            teacher=people.get(lesson.teacher_id, ""),
            main_room=rooms[lesson.main_room_id],
            receiving_rooms=tuple(rooms[room_id] for room_id in rooms_of.get(lesson.id, ())),
            changed_at=changed_at,
        )
        for lesson, changed_at in found
    ]


def _condition(session: Session, whose: Whose, subject_id: UUID) -> queries.Condition | None:
    match whose:
        case Whose.PERSON:
            return queries.of_person(subject_id, _duties(session, subject_id))
        case Whose.ROOM:
            return queries.of_room(subject_id)
        case Whose.SITE:
            return queries.of_site(sorted(schools.ids_below(session, [subject_id])))
        case Whose.COUNTY:
            return None


def _duties(session: Session, person_id: UUID) -> list[queries.Duty]:
    """Where and when somebody assists; most do for a term, with a last day from the beginning."""
    person = accounts.find_person(session, person_id)
    held: dict[tuple[date, date | None], set[UUID]] = defaultdict(set)
    for duty in person.assignments if person is not None else ():
        if duty.role is Role.SITE_ASSISTANT:
            held[duty.valid_from, duty.valid_to].add(duty.org_unit_id)
    return [
        queries.Duty(first, last, sorted(schools.ids_below(session, units)))
        for (first, last), units in held.items()
    ]


def room_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Rooms with the place they are in: every village has a classroom 1."""
    rooms = schools.rooms(session, ids)
    units = schools.org_units(session, {room.org_unit_id for room in rooms.values()})
    return {room_id: _with_place(units[room.org_unit_id].name, room.name) for room_id, room in rooms.items()}


def _with_place(place: str, room: str) -> str:
    return room if place in room else f"{place} {room}"
