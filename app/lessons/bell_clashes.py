"""Where lessons that follow their bells would meet others: asked before bells change, and when they do."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.lessons import booking_queries
from app.lessons.booking_queries import Needs
from app.lessons.models import Lesson
from app.lessons.naming import MOST_NAMED
from app.lessons.rules import SiteState
from app.schools import service as schools
from app.timetables.clashes import Booking, Clash, Resource, find_clashes
from app.timetables.rules import Interval


@dataclass(frozen=True, slots=True)
class Meeting:
    """A lesson that would move, what it needs then, and the lesson that has it."""

    moving_id: UUID
    resource: Resource
    resource_id: UUID
    name: str
    lesson_id: UUID
    title: str
    interval: Interval
    """When that lesson is, or would be where it moves too."""


@dataclass(frozen=True, slots=True)
class Meetings:
    """The first of them with their names, and how many there are."""

    first: tuple[Meeting, ...] = ()
    total: int = 0


def find_meetings(
    session: Session, lessons: Sequence[Lesson], times: Mapping[UUID, Interval], gone: Collection[UUID]
) -> Meetings:
    """What would be in the way of lessons at other times, when some others are gone. Two that meet are one meeting."""
    wanted = [booking for lesson in lessons for booking in _bookings(lesson, times[lesson.id])]
    if not wanted:
        return Meetings()
    span = Interval(
        min(each.interval.starts_at for each in wanted), max(each.interval.ends_at for each in wanted)
    )
    others = booking_queries.bookings(session, _needs(wanted), span, [*times, *gone])
    found: dict[tuple[UUID, frozenset[UUID]], Clash] = {}
    for clash in find_clashes(wanted, [*others, *wanted]):
        pair = frozenset({clash.wanted.lesson_id, clash.taken.lesson_id})
        if len(pair) > 1:
            found.setdefault((clash.wanted.resource_id, pair), clash)
    return Meetings(_named(session, list(found.values())[:MOST_NAMED]), len(found))


def _needs(wanted: Collection[Booking]) -> Needs:
    kinds = (Resource.TEACHER, Resource.MAIN_ROOM, Resource.RECEIVING_ROOM, Resource.PUPIL_GROUP)
    return Needs(*(frozenset(each.resource_id for each in wanted if each.resource is kind) for kind in kinds))


def _bookings(lesson: Lesson, interval: Interval) -> list[Booking]:
    resources = [
        (Resource.TEACHER, lesson.teacher_id),
        (Resource.MAIN_ROOM, lesson.main_room_id),
        *(
            (Resource.RECEIVING_ROOM, site.receiving_room_id)
            for site in lesson.sites
            if site.state is not SiteState.CANCELLED
        ),
        *((Resource.PUPIL_GROUP, group.pupil_group_id) for group in lesson.groups if not group.released),
    ]
    return [Booking(kind, each, lesson.id, interval) for kind, each in resources]


def _named(session: Session, clashes: Sequence[Clash]) -> tuple[Meeting, ...]:
    if not clashes:
        return ()
    needs = _needs([each.taken for each in clashes])
    rooms = schools.rooms(session, needs.main_room_ids | needs.receiving_room_ids)
    names = {
        **accounts.names(session, needs.teacher_ids),
        **{key: room.name for key, room in rooms.items()},
        **{key: group.name for key, group in schools.pupil_groups(session, needs.pupil_group_ids).items()},
    }
    titles = booking_queries.titles(session, {each.taken.lesson_id for each in clashes})
    return tuple(
        Meeting(
            wanted.lesson_id,
            taken.resource,
            taken.resource_id,
            names[taken.resource_id],
            taken.lesson_id,
            titles[taken.lesson_id],
            taken.interval,
        )
        for wanted, taken in clashes
    )
