"""Use cases of reports: what classes of a county are to be taught and are, and the lists behind each figure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import allows, reach
from app.accounts.rules import Principal
from app.errors import NotFound
from app.feeds.rules import Language
from app.lessons import tallies
from app.lessons.models import Lesson
from app.lessons.tallies import Counted
from app.reports.rules import Figures, divided, order_of, order_of_class
from app.schools import service as schools
from app.schools import subjects
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind, is_there, path_ids
from app.timetables import curriculum
from app.timetables import service as timetables
from app.timetables.curriculum_rules import NOTHING, Cell, Class, Count, Counts, Coverage, cover
from app.timetables.models import Term


class By(StrEnum):
    """What a report is divided by."""

    AREA = "area"  # the units right below: townships of a county, schools of a township, sites of a school
    SITE = "site"  # every school and teaching site with classes of its own
    GRADE = "grade"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is about: a term, narrowed to a unit and all below it (or its own classes), a grade, a subject."""

    term_id: UUID
    under: UUID | None = None
    own: bool = False
    grade: int | None = None
    subject: str | None = None


@dataclass(frozen=True)
class View:
    """Everything a report is made of, as far as somebody may see it."""

    term: Term
    weeks: float
    root: OrgUnit
    units: Mapping[UUID, OrgUnit]
    places: Mapping[UUID, str]
    """Where units stand in lists: below the unit above them, by code."""
    wanted: Wanted
    coverage: Coverage
    unserved: Sequence[Class]
    """Classes that no lesson reaches."""
    unassigned: Mapping[tuple[UUID, str], int]
    """Lessons that reach a unit, by subject, of which nobody can say for which of its classes; counted in no cell."""
    of_units: Counts
    """Lessons that name no group, by unit and subject: where they are not unassigned, they count for its only class."""

    def tops(self) -> list[OrgUnit]:
        """The highest units it is about."""
        found = [unit for unit in self.units.values() if not {*path_ids(unit.path)[:-1]} & self.units.keys()]
        return sorted(found, key=lambda unit: self.places[unit.id])

    def cells(self) -> Iterator[Cell]:
        """The lines behind all figures, made one by one."""
        grade, subject = self.wanted.grade, self.wanted.subject
        if grade is None and subject is None:
            return self.coverage.cells()
        return (
            cell
            for cell in self.coverage.cells()
            if grade in (None, cell.grade) and subject in (None, cell.subject)
        )

    def list_of_cells(self) -> list[Cell]:
        """The same in the order of lists."""
        return sorted(self.cells(), key=lambda cell: order_of(cell, self.places))


@dataclass(frozen=True, slots=True)
class Row:
    """One part of what was divided: an org unit, a grade or a subject."""

    key: UUID | int | str
    figures: Figures


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room and its lessons."""

    room: Room
    count: Count


def view(session: Session, principal: Principal, wanted: Wanted, now: datetime) -> View:
    """What a report is made of; raises `NotFound` for a term or a unit of another county or out of reach."""
    term = timetables.get_term(session, wanted.term_id, principal.county_id)
    root = _root(session, principal, wanted.under)
    units = _units(session, principal, root, wanted, term)
    classes = curriculum.classes_in(session, term, units.keys())
    plans = curriculum.plans_of(session, term.id, units.values())
    weeks = curriculum.teaching_weeks(session, term)
    reached = tallies.reached(session, term.id, now, units.keys())
    covered = cover(classes, plans, reached, weeks)
    places = _places(units)
    unserved = (
        each
        for each in classes
        if each.group_id not in reached.of_groups and each.unit_id not in reached.of_units
        if wanted.grade is None or wanted.grade in each.grades
    )
    unassigned = (key for key in covered.unassigned if wanted.subject in (None, key[1]))
    return View(
        term=term,
        weeks=weeks,
        root=root,
        units=units,
        places=places,
        wanted=wanted,
        coverage=covered,
        unserved=sorted(unserved, key=lambda each: order_of_class(each, places)),
        unassigned={
            key: covered.unassigned[key]
            for key in sorted(unassigned, key=lambda key: (places[key[0]], key[1]))
        },
        of_units=reached.of_units,
    )


def divide(found: View, by: By) -> list[Row]:
    """The figures by what the report is divided by, in the order of lists; together they are those of all."""
    rows = [Row(key, figures) for key, figures in divided(found.cells(), _key(found, by)).items()]
    return sorted(rows, key=lambda row: _place(found, row.key))


def rooms(
    session: Session, principal: Principal, wanted: Wanted, kind: RoomKind, now: datetime
) -> tuple[float, list[RoomRow]]:
    """The weeks of a term; and the rooms of a kind within reach, those without lessons too, with their lessons."""
    term = timetables.get_term(session, wanted.term_id, principal.county_id)
    root = _root(session, principal, wanted.under)
    units = _units(session, principal, root, wanted, term)
    count = tallies.by_main_room if kind is RoomKind.MAIN else tallies.by_receiving_room
    counts = count(session, term.id, now)
    found = [
        RoomRow(room, counts.get(room.id, NOTHING))
        for room in schools.rooms_of(session, principal.county_id, kind)
        if room.org_unit_id in units and is_there(room.closed_from, term.first_day)
    ]
    return curriculum.teaching_weeks(session, term), found


def lessons(
    session: Session,
    principal: Principal,
    counted: Counted,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> tuple[Sequence[tuple[Lesson, int]], bool]:
    """The lessons behind a figure, with the seconds that were delivered: of a group, a unit or a room within reach."""
    timetables.get_term(session, counted.term_id, principal.county_id)
    place_id = counted.unit_id
    if (group_id := counted.group_id) is not None:
        missing = _missing("pupil_group", "pupil group", group_id)
        group = schools.pupil_groups(session, [group_id]).get(group_id)
        place_id = group.org_unit_id if group else None
        _require_in_reach(session, principal, place_id, missing)
    if counted.unit_id is not None:
        missing = _missing("org_unit", "org unit", counted.unit_id)
        _require_in_reach(session, principal, counted.unit_id, missing)
    for room_id in (counted.main_room_id, counted.receiving_room_id):
        if room_id is not None:
            room = schools.rooms(session, [room_id]).get(room_id)
            missing = _missing("room", "room", room_id)
            _require_in_reach(session, principal, room.org_unit_id if room else None, missing)
    return tallies.counted_lessons(session, replace(counted, place_id=place_id), after, limit)


def subject_names(session: Session, county_id: UUID, language: Language) -> dict[str, str]:
    """What the subjects of a county are called, by their codes."""
    return subjects.names(session, county_id, chinese=language is Language.CHINESE)


def group_names(session: Session, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """What pupil groups are called; a grade without a group has no name."""
    groups = schools.pupil_groups(session, {each for each in ids if each})
    return {None: "", **{group.id: group.name for group in groups.values()}}


def unit_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """What org units are called."""
    return {unit.id: unit.name for unit in schools.org_units(session, set(ids)).values()}


def _key(found: View, by: By) -> Callable[[Cell], UUID | int | str]:
    match by:
        case By.AREA:
            areas = {unit.id: _area(unit, found.root, found.units) for unit in found.units.values()}
            return lambda cell: areas[cell.unit_id]
        case By.SITE:
            return lambda cell: cell.unit_id
        case By.GRADE:
            return lambda cell: cell.grade
        case By.SUBJECT:
            return lambda cell: cell.subject


def _place(found: View, key: UUID | int | str) -> tuple[str, int]:
    if isinstance(key, UUID):
        return found.places.get(key, ""), 0
    return ("", key) if isinstance(key, int) else (key, 0)


def _places(units: Mapping[UUID, OrgUnit]) -> dict[UUID, str]:
    return {
        unit.id: "/".join(units[each].code for each in path_ids(unit.path) if each in units)
        for unit in units.values()
    }


def _area(unit: OrgUnit, root: OrgUnit, seen: Collection[UUID]) -> UUID:
    """The highest unit below the root, of those one sees, that a unit belongs to; the root for its own classes."""
    path = path_ids(unit.path)
    return next((each for each in path[path.index(root.id) + 1 :] if each in seen), root.id)


def _root(session: Session, principal: Principal, under: UUID | None) -> OrgUnit:
    if under is None:
        return schools.get_org_unit(session, principal.county_id)
    return _require_in_reach(session, principal, under, _missing("org_unit", "org unit", under))


def _require_in_reach(
    session: Session, principal: Principal, unit_id: UUID | None, missing: NotFound
) -> OrgUnit:
    unit = schools.org_units(session, [unit_id]).get(unit_id) if unit_id else None
    if unit is None or not allows(principal, Action.REPORT_SHOW, schools.target_of(unit)):
        raise missing
    return unit


def _missing(code: str, name: str, which: UUID) -> NotFound:
    return NotFound(f"{code}.not_found", f"No such {name}", f"There is no {name} {which}.")


def _units(
    session: Session, principal: Principal, root: OrgUnit, wanted: Wanted, term: Term
) -> dict[UUID, OrgUnit]:
    """The root and the units below it that are within reach and not closed before a term, by id."""
    found = {root.id: root} if wanted.own else _units_below(session, principal, root)
    return {key: unit for key, unit in found.items() if is_there(unit.closed_from, term.first_day)}


def _units_below(session: Session, principal: Principal, root: OrgUnit) -> dict[UUID, OrgUnit]:
    within = reach(principal, Action.REPORT_SHOW)
    ids = schools.ids_below(session, [root.id])
    if within.county_id is None:
        ids &= schools.ids_below(session, within.units)
    return schools.org_units(session, ids)
