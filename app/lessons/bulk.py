"""Use cases of many weekly lessons at once: planned on one reading of the county, and checked against each other.

Each is planned by `plan_entry` as if it were planned alone, and becomes what `scheduling` makes of one; here the county
is read once for all, clashes are looked for once, and rows are written many at a time.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.database import take_turns
from app.errors import AppError
from app.lessons import booking_queries as queries
from app.lessons import changes, planning_queries
from app.lessons.booking_queries import Needs, Rows
from app.lessons.changes import Doing
from app.lessons.clash_report import (
    Alternative,
    Findings,
    alternatives,
    names_of,
    needs_of,
    span_of,
    wanted_by,
)
from app.lessons.clash_report import Part as Part
from app.lessons.scheduling import note_planned, rows_of, state_of
from app.timetables import service as timetables
from app.timetables.clashes import Booking, Clash, Held
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft, Plan, plan_entry
from app.timetables.reading import Reading
from app.timetables.rules import Interval

MOST_ADVISED: Final = 50
"""Plans for which another slot is looked for: it takes some milliseconds each."""

MOST_FOUND: Final = 100_000
"""Clashes after which no more are looked for: some 20 lessons with 9 people, rooms and groups each make 180 a pair."""


@dataclass(frozen=True)
class Planned:
    """Many drafts, each planned or refused by itself, by whatever they are called."""

    plans: Mapping[int, Plan]
    refused: Mapping[int, AppError]


@dataclass(frozen=True, slots=True)
class InTheWay:
    """A clash: who or what is needed twice, and by what: a lesson that is there, or another one that is wanted."""

    clash: Clash
    name: str
    title: str
    """Of the other."""
    wanted: int | None = None
    """Who else wants it; None: a lesson that is there, or one of its own that has another place."""
    entry_id: UUID | None = None
    """Of which weekly lesson the one that is there is, if of one."""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """All that is in the way of a plan, and where in the week nothing would be."""

    clashes: tuple[InTheWay, ...]
    free: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in the way of many lessons."""

    obstacles: Mapping[int, Obstacles]
    """Of those that something is in the way of."""
    unseen: int | None
    """The first that was not looked at, since there were too many clashes before; None: all were."""


def plan_all(
    session: Session,
    principal: Principal,
    drafts: Mapping[int, EntryDraft],
    doing: Doing,
) -> Planned:
    """Plan each of many drafts as if it were alone.

    Whoever plans one of them takes turns for its teacher and main room, too; others the database refuses.
    """
    wanted = drafts.values()
    take_turns(session, {key for each in wanted for key in (each.teacher_id, each.main_room_id)})
    reading = Reading(session)
    reading.read_ahead(
        principal.county_id,
        term_ids={each.term_id for each in wanted},
        main_room_ids={each.main_room_id for each in wanted},
        receiving_room_ids={room for each in wanted for room in each.receiving_room_ids},
        teacher_ids={each.teacher_id for each in wanted},
        group_ids={group for each in wanted for group in each.pupil_group_ids},
    )
    plans: dict[int, Plan] = {}
    refused: dict[int, AppError] = {}
    for key, draft in drafts.items():
        try:
            plans[key] = plan_entry(session, draft, doing.now, doing.skew, reading)
        except AppError as error:
            refused[key] = error
    return Planned(plans, refused)


def obstacles_of(
    session: Session, wanted: Mapping[int, Sequence[Part]], gone: Collection[UUID] = ()
) -> Survey:
    """What is in the way of each of many lessons: others that are there, and those before it that are wanted, too.

    Lessons that are `gone` give up what they hold. For the first `MOST_ADVISED` it is looked for what else would do.
    After `MOST_FOUND` clashes no further ones are looked at: many lessons for one slot clash each with each.
    """
    parts = [part for each in wanted.values() for part in each]
    if not parts:
        return Survey({}, None)
    needs = Needs.of_all([needs_of(part.plan) for part in parts])
    there = queries.bookings(session, needs, _span(parts), gone)
    found, unseen = _clashes(there, wanted)
    rows = {
        booking.lesson_id: key for key, each in wanted.items() for part in each for booking in part.bookings
    }
    others = {clash.taken.lesson_id for clashes in found.values() for clash in clashes} - rows.keys()
    titles = queries.titles(session, others) if others else {}
    entries = queries.entries_of(session, others) if others else {}
    titles |= {booking.lesson_id: part.plan.entry.title for part in parts for booking in part.bookings}
    held = _one_or_two_each(there, parts) if found else Held(())
    obstacles: dict[int, Obstacles] = {}
    for key, clashes in found.items():
        names: dict[UUID, str] = {}
        for part in wanted[key]:
            names |= names_of(part.plan)
        in_the_way = []
        for each in clashes:
            other = each.taken.lesson_id
            row = rows.get(other)
            name = names[each.taken.resource_id]
            wants = None if row == key else row
            in_the_way.append(InTheWay(each, name, titles[other], wants, entries.get(other)))
        advised = len(obstacles) < MOST_ADVISED
        free = alternatives(Findings(wanted[key][-1].plan, (), held)) if advised else ()
        obstacles[key] = Obstacles(tuple(in_the_way), tuple(free))
    return Survey(obstacles, unseen)


def _clashes(
    there: Iterable[Booking], wanted: Mapping[int, Sequence[Part]]
) -> tuple[dict[int, list[Clash]], int | None]:
    """By who wants it, clashes with what is there and what was wanted before; and the first not looked at, if any."""
    held = Held(there)
    found: dict[int, list[Clash]] = {}
    many = 0
    for key, parts in wanted.items():
        if many >= MOST_FOUND:
            return found, key
        for part in parts:
            if clashes := held.clashes(part.bookings):
                found.setdefault(key, []).extend(clashes)
                many += len(clashes)
            held.add(part.bookings)
    return found, None


def _one_or_two_each(there: Iterable[Booking], parts: Iterable[Part]) -> Held:
    """Who is held when, by what is there and by any plan: of many at one time two, for a plan may be one of them."""
    kept: Counter[tuple[UUID, Interval]] = Counter()
    bookings = []
    planned = (wanted_by(part.plan, part.plan.occurrences) for part in parts)
    for booking in chain(there, chain.from_iterable(planned)):
        if kept[booking.resource_id, booking.interval] < 2:
            kept[booking.resource_id, booking.interval] += 1
            bookings.append(booking)
    return Held(bookings)


def entries_taking_place(
    session: Session, county_id: UUID, first_day: date, last_day: date
) -> list[TimetableEntry]:
    """Entries whose days meet a span, but for those whose lessons were all called off one by one."""
    there = timetables.entries_meeting(session, county_id, first_day, last_day)
    alive = planning_queries.entries_with_lessons(session, {each.term_id for each in there})
    return [each for each in there if each.id in alive]


def entries_called_off(session: Session, entries: Collection[TimetableEntry], today: date) -> frozenset[UUID]:
    """Those of some entries whose lessons to come were all called off one by one."""
    return planning_queries.called_off_of(session, [each.id for each in entries], today)


def put_down_all(
    session: Session, principal: Principal, plans: Sequence[Plan], published: Collection[UUID], doing: Doing
) -> None:
    """Store plans that nothing is in the way of; `published` are the entries that people shall see at once.

    Raises `IntegrityError` when somebody planned the same rooms, people or pupils meanwhile.
    """
    for plan in plans:
        plan.entry.published = plan.entry.id in published
    session.add_all([plan.entry for plan in plans])
    session.flush()
    rows = [rows_of(plan, state_of(plan.entry.published)) for plan in plans]
    queries.add_lessons(
        session,
        Rows(
            [row for each in rows for row in each.lessons],
            [row for each in rows for row in each.sites],
            [row for each in rows for row in each.groups],
        ),
    )
    for plan in plans:
        if plan.entry.published:
            changes.entry_published(session, plan.entry, doing)
        note_planned(session, principal, plan)


def _span(parts: Iterable[Part]) -> Interval:
    spans = [span_of(part.plan) for part in parts]
    return Interval(min(first for first, _ in spans), max(last for _, last in spans))
