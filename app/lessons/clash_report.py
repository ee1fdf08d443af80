"""Whether a plan can be carried out, and what to tell whoever wanted it when it cannot."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.lessons import booking_queries as queries
from app.lessons.booking_queries import Needs
from app.lessons.models import OVERLAP_RULES
from app.lessons.naming import utc
from app.schools import service as schools
from app.timetables.clashes import Booking, Clash, Held, Resource
from app.timetables.ground import refuse_closed_groups
from app.timetables.planning import Plan
from app.timetables.rules import Interval, Occurrence

MOST_CLASHES = 50
MOST_ALTERNATIVES = 10


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another slot of the week in which everybody and everything a plan needs is free, every time."""

    weekday: int
    period: int
    lessons: int
    first: Occurrence
    """Its first lesson: bells may ring at another time later in the term."""


@dataclass(frozen=True)
class Findings:
    """What is in the way of a plan."""

    plan: Plan
    clashes: tuple[Clash, ...]
    held: Held
    """All that its people and rooms are held by in these weeks."""

    def __bool__(self) -> bool:
        return bool(self.clashes or self.plan.apart)


@dataclass(frozen=True, slots=True)
class Part:
    """Lessons that will be what one plan says, and all that they will hold, by the ids of those that have one."""

    plan: Plan
    bookings: tuple[Booking, ...]

    @classmethod
    def of_new(cls, plan: Plan) -> "Part":
        """All that a plan has, none of which is there yet."""
        return cls(plan, tuple(wanted_by(plan, plan.occurrences)))


def examine(session: Session, plan: Plan, apart_from: Collection[UUID] = ()) -> Findings:
    """Look for what is in the way; lessons that the plan replaces are not."""
    weeks = Interval(*span_of(plan))
    held = Held(queries.bookings(session, needs_of(plan), weeks, apart_from))
    return Findings(plan, tuple(held.clashes(wanted_by(plan, plan.occurrences))), held)


def examine_part(
    session: Session, part: Part, apart_from: Collection[UUID], beside: Sequence[Booking]
) -> Findings:
    """The same for lessons that change: those named give up what they hold, and what is beside them will be held."""
    plan, weeks = part.plan, Interval(*span_of(part.plan))
    held = Held([*queries.bookings(session, needs_of(plan), weeks, apart_from), *beside])
    return Findings(plan, tuple(held.clashes(part.bookings)), held)


def in_nobodys_way(session: Session, plans: Sequence[Plan]) -> list[bool]:
    """Of each of many plans, whether it could be carried out after those before it that could: three statements."""
    if not plans:
        return []
    needs = Needs.of_all([needs_of(plan) for plan in plans])
    times = [occurrence.interval for plan in plans for occurrence in plan.occurrences]
    span = Interval(min(time.starts_at for time in times), max(time.ends_at for time in times))
    held = Held(queries.bookings(session, needs, span))
    free = []
    for plan in plans:
        wanted = wanted_by(plan, plan.occurrences)
        is_free = not plan.apart and not held.clashes(wanted)
        if is_free:
            held.add(wanted)
        free.append(is_free)
    return free


def needs_of(plan: Plan) -> Needs:
    """Everybody and everything a plan needs."""
    return Needs(
        frozenset({plan.teacher.id}),
        frozenset({plan.main_room.id}),
        frozenset(site.room.id for site in plan.sites),
        frozenset(group.id for group in plan.groups),
    )


def span_of(plan: Plan) -> tuple[datetime, datetime]:
    """Whole days around the lessons, so that other slots of the first and the last week are seen as well."""
    midnight, zone = time(0), plan.school.zone
    day_after = plan.slot.last_day + timedelta(days=1)
    return datetime.combine(plan.slot.first_day, midnight, zone), datetime.combine(day_after, midnight, zone)


def wanted_by(plan: Plan, occurrences: Iterable[Occurrence], lesson_id: UUID | None = None) -> list[Booking]:
    """What a plan books for these lessons; its entry's id stands for those that have none yet."""
    resources = [
        (Resource.TEACHER, plan.teacher.id),
        (Resource.MAIN_ROOM, plan.main_room.id),
        *((Resource.RECEIVING_ROOM, site.room.id) for site in plan.sites),
        *((Resource.PUPIL_GROUP, group.id) for group in plan.groups),
    ]
    return [
        Booking(kind, resource_id, lesson_id or plan.entry.id, occurrence.interval)
        for occurrence in occurrences
        for kind, resource_id in resources
    ]


# --- what else would do -------------------------------------------------------------------------------------


def alternatives(findings: Findings) -> list[Alternative]:
    """Slots of the week in which nothing is in the way, the nearest first."""
    plan = findings.plan
    wanted = (plan.slot.weekday, plan.slot.period)
    free = []
    for weekday, period in sorted(_grid(plan), key=lambda slot: _distance(slot, wanted)):
        occurrences = plan.elsewhere(weekday, period)
        if occurrences and findings.held.leaves_free(wanted_by(plan, occurrences)):
            free.append(Alternative(weekday, period, len(occurrences), occurrences[0]))
            if len(free) == MOST_ALTERNATIVES:
                break
    return free


def _grid(plan: Plan) -> set[tuple[int, int]]:
    weekdays = {*plan.term.weekdays, plan.slot.weekday}
    periods = {number for bells in plan.school.bells for each in bells for number in each.periods}
    slots = {(weekday, period) for weekday in weekdays for period in periods}
    return slots - {(plan.slot.weekday, plan.slot.period)}


def _distance(slot: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
    return abs(slot[0] - wanted[0]), abs(slot[1] - wanted[1]), slot


# --- telling ------------------------------------------------------------------------------------------------


def refusal(session: Session, findings: Findings) -> Conflict:
    """The answer to whoever wanted the plan."""
    details = described(session, findings)
    if findings.plan.apart and not findings.clashes:
        return Conflict("timetable.bells_apart", "Bells apart", _apart_summary(findings.plan), **details)
    return Conflict("timetable.clash", "Already taken", _summary(findings, details["clashes"]), **details)


def overtaken(session: Session, plan: Plan, rule: str, apart_from: Collection[UUID] = ()) -> Conflict | None:
    """The answer to whoever was a moment late, by the rule with which the database refused the plan.

    None where the rule is about something else.
    """
    if rule in OVERLAP_RULES:
        return refusal(session, examine(session, plan, apart_from))
    last_day = max(each.day for each in plan.occurrences)
    rooms = [plan.main_room, *(site.room for site in plan.sites)] if rule == "room_closed" else []
    groups = plan.groups if rule == "group_closed" else ()
    try:
        for thing in (*rooms, *groups):
            session.refresh(thing, ["closed_from"])
        for room in rooms:
            schools.refuse_closed_room(room, last_day)
        refuse_closed_groups(groups, last_day)
    except Conflict as closed:
        return closed
    return None


def described(session: Session, findings: Findings) -> dict[str, Any]:
    """Everything that is in the way, and what would do instead."""
    plan, shown = findings.plan, findings.clashes[:MOST_CLASHES]
    names = names_of(plan)
    titles = queries.titles(session, {clash.taken.lesson_id for clash in shown}) if shown else {}
    return {
        "clashes": [_shown(clash, names, titles) for clash in shown],
        "total": len(findings.clashes),
        "bells_apart": [
            {
                "id": str(each.site.room.id),
                "name": each.site.room.name,
                "date": each.occurrence.day.isoformat(),
                "starts_at": utc(each.occurrence.interval.starts_at),
                "ends_at": utc(each.occurrence.interval.ends_at),
            }
            for each in plan.apart[:MOST_CLASHES]
        ],
        "alternatives": [
            {
                "weekday": each.weekday,
                "period": each.period,
                "lessons": each.lessons,
                "date": each.first.day.isoformat(),
                "starts_at": utc(each.first.interval.starts_at),
                "ends_at": utc(each.first.interval.ends_at),
            }
            for each in alternatives(findings)
        ],
    }


def names_of(plan: Plan) -> dict[UUID, str]:
    """What a plan's people, rooms and groups are called."""
    names = {plan.teacher.id: plan.teacher.name, plan.main_room.id: plan.main_room.name}
    names |= {site.room.id: site.room.name for site in plan.sites}
    return names | {group.id: group.name for group in plan.groups}


def _shown(clash: Clash, names: dict[UUID, str], titles: dict[UUID, str]) -> dict[str, str]:
    taken = clash.taken
    return {
        "resource": taken.resource.value,
        "id": str(taken.resource_id),
        "name": names[taken.resource_id],
        "lesson_id": str(taken.lesson_id),
        "title": titles[taken.lesson_id],
        "starts_at": utc(taken.interval.starts_at),
        "ends_at": utc(taken.interval.ends_at),
    }


def _summary(findings: Findings, shown: Sequence[dict[str, str]]) -> str:
    if not shown:  # the lesson in the way was cancelled between the refusal and the look
        return "The teacher, a room or a pupil group was taken a moment ago; try again."
    taken = findings.clashes[0].taken.interval
    count = len(findings.clashes)
    more = f", and {count - 1} more" if count > 1 else ""
    when = _local(taken, findings.plan.school.zone)
    return (
        f"{shown[0]['name']} is taken by “{shown[0]['title']}” {when}{more}; "
        "choose another period, teacher or room."
    )


def _apart_summary(plan: Plan) -> str:
    first = plan.apart[0]
    when = _local(first.occurrence.interval, plan.school.zone)
    return (
        f"{first.site.room.name} has no period by its own bells {when}, give or take "
        f"{plan.skew.seconds // 60} minutes; choose another period, or put other bells in force there."
    )


def _local(interval: Interval, zone: ZoneInfo) -> str:
    starts, ends = interval.starts_at.astimezone(zone), interval.ends_at.astimezone(zone)
    return f"on {starts:%Y-%m-%d} from {starts:%H:%M} to {ends:%H:%M}"
