"""What a weekly lesson is planned on, read once: rooms, people, bells, calendar and agreements.

Whoever looks for other periods stays on the same ground, and asks the database nothing more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from app.accounts import service as accounts
from app.accounts.models import Person
from app.accounts.rules import Role
from app.errors import Conflict, Invalid, NotFound
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.schools.models import OrgUnit, PupilGroup, Room
from app.schools.rules import RoomKind, is_there
from app.timetables.places import Place
from app.timetables.reading import Reading
from app.timetables.rules import (
    LessonMode,
    Occurrence,
    meets,
)

BELL_SKEW = timedelta(minutes=10)
"""How much of a lesson may lie outside of a period of the site, unless the operator says otherwise."""


@dataclass(frozen=True, slots=True)
class PlannedSite:
    """A receiving room the lessons reach, and the agreement that allows it."""

    room: Room
    place: Place
    pairing: Pairing

    @property
    def pairing_id(self) -> UUID:
        return self.pairing.id

    def agreed_on(self, day: date) -> bool:
        """Whether the agreement holds on this day."""
        return self.pairing.valid_from <= day <= self.pairing.valid_to

    @property
    def site_id(self) -> UUID:
        return self.place.unit.id

    @property
    def site_code(self) -> str:
        return self.place.unit.code


@dataclass(frozen=True, slots=True)
class Apart:
    """A lesson during which a site has no period."""

    site: PlannedSite
    occurrence: Occurrence


@dataclass(frozen=True)
class Rooms:
    """The main room with its school, and the receiving rooms with their sites."""

    main: Room
    school: Place
    receiving: tuple[tuple[Room, Place], ...]


def read_main_room(reading: Reading, room_id: UUID) -> tuple[Room, OrgUnit]:
    """A room that lessons are given from, and its school."""
    room = reading.room(room_id)
    if room.kind is not RoomKind.MAIN:
        raise Invalid(
            "timetable.not_a_main_room",
            "Not a main classroom",
            f"{room.name} is a {room.kind.value} room; lessons are given from a main room.",
        )
    return room, reading.unit(room.org_unit_id)


def read_rooms(
    reading: Reading,
    main: Room,
    school: OrgUnit,
    receiving_room_ids: Collection[UUID],
    first_day: date,
    last_day: date,
) -> Rooms:
    """The rooms of a lesson with the bells of some days; what belongs to another county is not found."""
    found = reading.rooms(receiving_room_ids)
    units = reading.units({room.org_unit_id for room in found.values()})
    rooms = [room for room in found.values() if units[room.org_unit_id].county_id == school.county_id]
    if missing := set(receiving_room_ids) - {room.id for room in rooms}:
        raise NotFound("room.not_found", "No such room", f"There is no room {min(missing)}.")
    if len(units) < len(rooms):
        raise Invalid(
            "timetable.site_twice",
            "Site named twice",
            "A teaching site takes part in a lesson with one room only; name one room for each site.",
        )
    places = reading.places([school, *units.values()], first_day, last_day)
    receiving = sorted(
        ((room, places[room.org_unit_id]) for room in rooms), key=lambda each: each[1].unit.code
    )
    return Rooms(main, places[school.id], tuple(receiving))


def read_teacher(reading: Reading, person_id: UUID, county_id: UUID) -> Person:
    """Somebody of the county, with their assignments; raises `NotFound`."""
    person = reading.person(person_id)
    if person is None or person.county_id != county_id:
        raise NotFound("person.not_found", "No such person", f"There is no person {person_id}.")
    return person


def teaches_on(person: Person, day: date) -> bool:
    """Whether somebody is assigned as a teacher, at any school."""
    places = [assignment.org_unit_id for assignment in person.assignments]
    return person.active and accounts.holds_role(person, Role.TEACHER, places, day)


def check_teacher(person: Person, days: Iterable[date]) -> None:
    """Raise `Conflict` with the first day on which somebody is not a teacher."""
    for day in days:
        if not teaches_on(person, day):
            raise Conflict(
                "timetable.not_a_teacher",
                "Not a teacher",
                f"{person.name} is not assigned as a teacher on {day}; assign them, or name somebody else.",
                person_id=str(person.id),
                date=day.isoformat(),
            )


def agreed_sites(
    reading: Reading, rooms: Rooms, subject: str, days: Collection[date]
) -> tuple[PlannedSite, ...]:
    """The sites of a lesson with the agreements that allow it on all these days; raises `Conflict`."""
    wanted = [room for room, _ in rooms.receiving]
    agreements = reading.agreements(rooms.main.id, [room.id for room in wanted])
    agreed = pairings.pairings_for(agreements, rooms.main, wanted, subject, days)
    return tuple(PlannedSite(room, place, agreed[room.id]) for room, place in rooms.receiving)


def read_groups(
    reading: Reading, group_ids: Collection[UUID], rooms: Rooms, mode: LessonMode
) -> tuple[PupilGroup, ...]:
    """The pupil groups of a lesson: each belongs to its main school or to one of its sites."""
    if not group_ids:
        return ()
    found = reading.groups(group_ids)
    school, sites = rooms.school.unit, {place.unit.id for _, place in rooms.receiving}
    for group_id in sorted(set(group_ids), key=str):
        group = found.get(group_id)
        if group is None or group.org_unit_id not in sites | {school.id}:
            raise NotFound(
                "pupil_group.not_found",
                "No such pupil group",
                f"Neither {school.name} nor a site of the lesson has a pupil group {group_id}.",
            )
        if mode is LessonMode.DEDICATED and group.org_unit_id not in sites:
            raise Invalid(
                "timetable.main_class_taught",
                "Main class in a dedicated lesson",
                f"A dedicated lesson teaches the sites only; leave {group.name} out, or make it synchronous.",
                pupil_group_id=str(group_id),
            )
    return tuple(found[group_id] for group_id in sorted(found, key=str))


def refuse_closed_groups(groups: Iterable[PupilGroup], last_day: date) -> None:
    """Raise `Conflict` when a group is closed by some last day."""
    for group in groups:
        if not is_there(group.closed_from, last_day):
            raise Conflict(
                "pupil_group.closed",
                "Pupil group closed",
                f"{group.name} is closed from {group.closed_from}; name another group, or end before that day.",
                pupil_group_id=str(group.id),
                closed_from=str(group.closed_from),
            )


def bells_apart(
    sites: Iterable[PlannedSite], occurrences: Sequence[Occurrence], skew: timedelta
) -> tuple[Apart, ...]:
    """The lessons that lie outside of the periods of a site by more than the skew."""
    return tuple(
        Apart(site, each)
        for site in sites
        for each in occurrences
        if not meets(each.interval, site.place.periods(each.day), skew)
    )
