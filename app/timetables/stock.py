"""What single lessons of many entries are planned on, read once for all of them: some ten statements in all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.models import Person
from app.errors import Invalid
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.schools import service as schools
from app.schools import subjects
from app.schools.models import PupilGroup, Room
from app.timetables import queries
from app.timetables.ground import Place, PlannedSite, Rooms, fitting_groups, read_places
from app.timetables.models import Term, TimetableEntry
from app.timetables.rules import LessonMode, Taught
from app.timetables.service import calendar_of


@dataclass(frozen=True)
class Stock:
    """The terms, rooms, bells, people, agreements and groups of entries that are there already."""

    terms: Mapping[UUID, tuple[Term, Taught]]
    rooms: Mapping[UUID, Room]
    places: Mapping[UUID, Place]
    people: Mapping[UUID, Person]
    pairings: Mapping[UUID, Sequence[Pairing]]
    found_groups: Mapping[UUID, PupilGroup]
    unknown_subjects: Mapping[str, Invalid]
    """Those that are not on the county's list any more."""

    def rooms_of(self, entry: TimetableEntry) -> Rooms:
        """The main room of an entry with its school, and the receiving rooms with their sites; raises `Invalid`."""
        if (unknown := self.unknown_subjects.get(entry.subject)) is not None:
            raise unknown
        main = self.rooms[entry.main_room_id]
        receiving = [self.rooms[site.receiving_room_id] for site in entry.sites]
        placed = ((room, self.places[room.org_unit_id]) for room in receiving)
        return Rooms(
            main, self.places[main.org_unit_id], tuple(sorted(placed, key=lambda each: each[1].unit.code))
        )

    def teacher(self, person_id: UUID, county_id: UUID) -> Person:
        """Who teaches an entry."""
        assert self.people[person_id].county_id == county_id
        return self.people[person_id]

    def sites(self, rooms: Rooms, subject: str, days: Collection[date]) -> tuple[PlannedSite, ...]:
        """The sites with their agreements; raises `Conflict`."""
        known, wanted = self.pairings[rooms.main.id], [room for room, _ in rooms.receiving]
        agreed = pairings.pairings_among(known, rooms.main, wanted, subject, days)
        return tuple(PlannedSite(room, place, agreed[room.id]) for room, place in rooms.receiving)

    def groups(self, group_ids: Collection[UUID], rooms: Rooms, mode: LessonMode) -> tuple[PupilGroup, ...]:
        """The pupil groups; raises `NotFound` or `Invalid`."""
        return fitting_groups(self.found_groups, group_ids, rooms, mode)


def read_stock(
    session: Session, county_id: UUID, entries: Sequence[TimetableEntry], days: Collection[date]
) -> Stock:
    """What these entries stand on, on these days."""
    terms = (queries.term(session, term_id) for term_id in {each.term_id for each in entries})
    main_ids = {each.main_room_id for each in entries}
    rooms = schools.rooms(
        session, main_ids | {site.receiving_room_id for each in entries for site in each.sites}
    )
    units = schools.org_units(session, {room.org_unit_id for room in rooms.values()})
    return Stock(
        terms={
            term.id: (term, calendar_of(session, term).weekday_taught) for term in terms if term is not None
        },
        rooms=rooms,
        places=read_places(session, units.values(), min(days), max(days)),
        people=accounts.find_people(session, {each.teacher_id for each in entries}),
        pairings=pairings.of_main_rooms(session, main_ids),
        found_groups=schools.pupil_groups(session, {key for each in entries for key in each.pupil_group_ids}),
        unknown_subjects=_unknown(session, county_id, {each.subject for each in entries}),
    )


def _unknown(session: Session, county_id: UUID, codes: Collection[str]) -> dict[str, Invalid]:
    found = {}
    for code in codes:
        try:
            subjects.require_known(session, county_id, [code])
        except Invalid as error:
            found[code] = error
    return found
