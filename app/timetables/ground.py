"""What a weekly lesson is planned on, read once: rooms, people, bells, calendar and agreements.

Whoever looks for other periods stays on the same ground, and asks the database nothing more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Person
from app.accounts.rules import Role
from app.errors import Conflict, Invalid, NotFound
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.schools import service as schools
from app.schools.models import OrgUnit, PupilGroup, Room
from app.schools.rules import RoomKind, is_there, nearest_time_zone, path_ids
from app.timetables import queries
from app.timetables.rules import (
    Bell,
    BellTimes,
    Interval,
    LessonMode,
    NoBells,
    Occurrence,
    lesson_interval,
    meets,
    periods_on,
)

BELL_SKEW = timedelta(minutes=10)
"""How much of a lesson may lie outside of a period of the site, unless the operator says otherwise."""


@dataclass(frozen=True)
class Place:
    """A unit with the bells and the time zone it lives by."""

    unit: OrgUnit
    zone: ZoneInfo
    bells: Sequence[Sequence[BellTimes]]
    """Bell schedules of the unit itself, then of those above it."""
    _rung: dict[date, list[Interval]] = field(default_factory=dict, repr=False)

    def periods(self, day: date) -> list[Interval]:
        """Every period of a day; none on a day without bells."""
        if day not in self._rung:
            try:
                bells = list(periods_on(day, self.bells).values())
            except NoBells:
                bells = []
            rung = (lesson_interval(day, bell, self.zone) for bell in bells)
            self._rung[day] = [interval for interval in rung if interval is not None]
        return self._rung[day]

    def interval(self, day: date, period: int) -> Interval | None:
        """When a period is on a day; None: there is no such period, or the clocks jump over it."""
        try:
            bell = periods_on(day, self.bells).get(period)
        except NoBells:
            return None
        return None if bell is None else lesson_interval(day, bell, self.zone)


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


def read_main_room(session: Session, room_id: UUID) -> tuple[Room, OrgUnit]:
    """A room that lessons are given from, and its school."""
    room = schools.get_room(session, room_id)
    if room.kind is not RoomKind.MAIN:
        raise Invalid(
            "timetable.not_a_main_room",
            "Not a main classroom",
            f"{room.name} is a {room.kind.value} room; lessons are given from a main room.",
        )
    return room, schools.get_org_unit(session, room.org_unit_id)


def read_rooms(
    session: Session,
    main: Room,
    school: OrgUnit,
    receiving_room_ids: Collection[UUID],
    first_day: date,
    last_day: date,
) -> Rooms:
    """The rooms of a lesson with the bells of some days; what belongs to another county is not found."""
    found = schools.rooms(session, receiving_room_ids)
    units = schools.org_units(session, {room.org_unit_id for room in found.values()})
    rooms = [room for room in found.values() if units[room.org_unit_id].county_id == school.county_id]
    if missing := set(receiving_room_ids) - {room.id for room in rooms}:
        raise NotFound("room.not_found", "No such room", f"There is no room {min(missing)}.")
    if len(units) < len(rooms):
        raise Invalid(
            "timetable.site_twice",
            "Site named twice",
            "A teaching site takes part in a lesson with one room only; name one room for each site.",
        )
    places = read_places(session, [school, *units.values()], first_day, last_day)
    receiving = sorted(
        ((room, places[room.org_unit_id]) for room in rooms), key=lambda each: each[1].unit.code
    )
    return Rooms(main, places[school.id], tuple(receiving))


def read_teacher(session: Session, person_id: UUID, county_id: UUID) -> Person:
    """Somebody of the county, with their assignments; raises `NotFound`."""
    person = accounts.find_person(session, person_id)
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
    session: Session, rooms: Rooms, subject: str, days: Collection[date]
) -> tuple[PlannedSite, ...]:
    """The sites of a lesson with the agreements that allow it on all these days; raises `Conflict`."""
    wanted = [room for room, _ in rooms.receiving]
    agreed = pairings.pairings_for(session, rooms.main, wanted, subject, days)
    return tuple(PlannedSite(room, place, agreed[room.id]) for room, place in rooms.receiving)


def read_groups(
    session: Session, group_ids: Collection[UUID], rooms: Rooms, mode: LessonMode
) -> tuple[PupilGroup, ...]:
    """The pupil groups of a lesson: each belongs to its main school or to one of its sites."""
    return fitting_groups(
        schools.pupil_groups(session, group_ids) if group_ids else {}, group_ids, rooms, mode
    )


def fitting_groups(
    found: Mapping[UUID, PupilGroup], group_ids: Collection[UUID], rooms: Rooms, mode: LessonMode
) -> tuple[PupilGroup, ...]:
    """The same, of groups that were read already."""
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
    return tuple(found[group_id] for group_id in sorted(set(group_ids), key=str))


@dataclass(frozen=True, slots=True)
class Asked:
    """The people, agreements and groups of one plan, asked of the database as they are needed."""

    session: Session

    def teacher(self, person_id: UUID, county_id: UUID) -> Person:
        """Who shall teach; raises `NotFound`."""
        return read_teacher(self.session, person_id, county_id)

    def sites(self, rooms: Rooms, subject: str, days: Collection[date]) -> tuple[PlannedSite, ...]:
        """The sites with their agreements; raises `Conflict`."""
        return agreed_sites(self.session, rooms, subject, days)

    def groups(self, group_ids: Collection[UUID], rooms: Rooms, mode: LessonMode) -> tuple[PupilGroup, ...]:
        """The pupil groups; raises `NotFound` or `Invalid`."""
        return read_groups(self.session, group_ids, rooms, mode)


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


def read_places(
    session: Session, units: Collection[OrgUnit], first_day: date, last_day: date
) -> dict[UUID, Place]:
    """Units with the bells of some days, by id."""
    chains = {unit.id: tuple(reversed(path_ids(unit.path))) for unit in units}
    above = schools.org_units(session, {unit_id for chain in chains.values() for unit_id in chain})
    bells = _bells(session, above, first_day, last_day)
    shared: dict[tuple[str, tuple[UUID, ...]], dict[date, list[Interval]]] = {}
    places = {}
    for unit in units:
        chain = chains[unit.id]
        zone = ZoneInfo(nearest_time_zone([above[unit_id].time_zone for unit_id in chain]))
        ringing = tuple(unit_id for unit_id in chain if bells[unit_id])
        # Units that live by the same bells share what was worked out of them.
        rung = shared.setdefault((zone.key, ringing), {})
        places[unit.id] = Place(unit, zone, [bells[unit_id] for unit_id in chain], rung)
    return places


def _bells(
    session: Session, unit_ids: Collection[UUID], first_day: date, last_day: date
) -> Mapping[UUID, list[BellTimes]]:
    by_unit: dict[UUID, list[BellTimes]] = {unit_id: [] for unit_id in unit_ids}
    for schedule in queries.bell_schedules_of(session, by_unit, first_day, last_day):
        periods = {period.number: Bell(period.starts_at, period.ends_at) for period in schedule.periods}
        by_unit[schedule.org_unit_id].append(BellTimes(schedule.valid_from, schedule.valid_to, periods))
    return by_unit
