"""What plans are made from, as the database has it: read when asked for, and once however many plans there are."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Person
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.schools import service as schools
from app.schools import subjects
from app.schools.models import OrgUnit, PupilGroup, Room
from app.timetables.calendar import SchoolCalendar
from app.timetables.models import Term
from app.timetables.places import Place, read_places
from app.timetables.service import calendar_of, get_term

Thing = TypeVar("Thing")


class Reading:
    """A look at one county while some entries are planned; what changes meanwhile is not seen.

    One entry takes about a dozen statements; for many, `read_ahead` takes as many for all of them together.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._rooms: dict[UUID, Room | None] = {}
        self._units: dict[UUID, OrgUnit | None] = {}
        self._groups: dict[UUID, PupilGroup | None] = {}
        self._people: dict[UUID, Person | None] = {}
        self._subjects: set[tuple[UUID, str]] = set()
        self._calendars: dict[UUID, tuple[Term, SchoolCalendar]] = {}
        self._places: dict[tuple[UUID, date, date], Place] = {}
        self._agreements: dict[UUID, list[Pairing]] = {}

    def read_ahead(
        self,
        county_id: UUID,
        *,
        term_ids: Collection[UUID],
        main_room_ids: Collection[UUID],
        receiving_room_ids: Collection[UUID],
        teacher_ids: Collection[UUID],
        group_ids: Collection[UUID],
    ) -> None:
        """Read at once what many entries of a county need."""
        self._people |= accounts.find_people(self.session, teacher_ids)
        rooms = self.rooms({*main_room_ids, *receiving_room_ids})
        self.groups(group_ids)
        units = self.units({room.org_unit_id for room in rooms.values()}).values()
        for term_id in term_ids:
            term = get_term(self.session, term_id, county_id)
            self.calendar(term)
            self.places(units, term.first_day, term.last_day)
        self._agreements |= pairings.of_main_rooms(self.session, main_room_ids)

    def room(self, room_id: UUID) -> Room:
        """One room; raises `NotFound`."""
        return self._rooms.get(room_id) or schools.get_room(self.session, room_id)

    def unit(self, unit_id: UUID) -> OrgUnit:
        """One unit; raises `NotFound`."""
        return self._units.get(unit_id) or schools.get_org_unit(self.session, unit_id)

    def rooms(self, ids: Collection[UUID]) -> dict[UUID, Room]:
        """Rooms by id, those that exist."""
        return _known(self._rooms, ids, lambda missing: schools.rooms(self.session, missing))

    def units(self, ids: Collection[UUID]) -> dict[UUID, OrgUnit]:
        """Units by id, those that exist."""
        return _known(self._units, ids, lambda missing: schools.org_units(self.session, missing))

    def groups(self, ids: Collection[UUID]) -> dict[UUID, PupilGroup]:
        """Pupil groups by id, those that exist."""
        return _known(self._groups, ids, lambda missing: schools.pupil_groups(self.session, missing))

    def person(self, person_id: UUID) -> Person | None:
        """Somebody with their assignments, or None."""
        if person_id not in self._people:
            self._people[person_id] = accounts.find_person(self.session, person_id)
        return self._people[person_id]

    def require_subject(self, county_id: UUID, code: str) -> None:
        """Raise `Invalid` for a subject that is not on the county's list."""
        if (county_id, code) not in self._subjects:
            subjects.require_known(self.session, county_id, [code])
            self._subjects.add((county_id, code))

    def calendar(self, term: Term) -> SchoolCalendar:
        """Which weekday's timetable each day of a term follows."""
        if term.id not in self._calendars:
            self._calendars[term.id] = (term, calendar_of(self.session, term))
        return self._calendars[term.id][1]

    def places(self, units: Collection[OrgUnit], first_day: date, last_day: date) -> dict[UUID, Place]:
        """Units with the bells of some days, by id."""
        if missing := [unit for unit in units if (unit.id, first_day, last_day) not in self._places]:
            for unit_id, place in read_places(self.session, missing, first_day, last_day).items():
                self._places[unit_id, first_day, last_day] = place
        return {unit.id: self._places[unit.id, first_day, last_day] for unit in units}

    def agreements(self, main_room_id: UUID, receiving_room_ids: Collection[UUID]) -> Collection[Pairing]:
        """All agreements of a main room with these receiving rooms, the earliest first."""
        if main_room_id not in self._agreements:
            return pairings.agreements_of(self.session, main_room_id, receiving_room_ids)
        wanted = frozenset(receiving_room_ids)
        return [each for each in self._agreements[main_room_id] if each.receiving_room_id in wanted]


def _known(
    shelf: dict[UUID, Thing | None],
    ids: Collection[UUID],
    read: Callable[[Collection[UUID]], Mapping[UUID, Thing]],
) -> dict[UUID, Thing]:
    """What is there of some ids, with those read that nobody asked for before."""
    if missing := {each for each in ids if each not in shelf}:
        found = read(missing)
        shelf.update((each, found.get(each)) for each in missing)
    return {each: thing for each in ids if (thing := shelf[each]) is not None}
