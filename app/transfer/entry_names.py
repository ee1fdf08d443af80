"""What rows of the timetable name, found in the county; and the county's timetable in such names."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import bulk as accounts
from app.accounts.models import Person
from app.accounts.permissions import Action
from app.accounts.reach import Target, allows, reach
from app.accounts.rules import Principal, Role
from app.lessons import bulk
from app.schools import bulk as schools
from app.schools.models import OrgUnit, PupilGroup
from app.schools.rules import RoomKind
from app.schools.service import target_of
from app.timetables.models import TimetableEntry
from app.timetables.weeks import WeekPattern
from app.transfer.columns import Record, Value, narrow, plain
from app.transfer.entry_columns import DRAFT, PUBLISHED
from app.transfer.references import Lacking, References, Terms


class Key(NamedTuple):
    """What a weekly lesson is known by in the table."""

    term_id: UUID
    main_room_id: UUID
    weekday: int
    period: int
    pattern: WeekPattern
    weeks: tuple[int, ...]
    first_day: date
    last_day: date


GroupsThere = Callable[[Record, Key], Collection[UUID]]
"""The pupil groups of the weekly lesson that is there under a key, if one is."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a row says, as REST would be told it."""

    fields: dict[str, Any]
    school: OrgUnit
    key: Key
    says_title: bool


@dataclass(frozen=True)
class Names:
    """A county's terms, rooms, people and pupil groups, as rows name them."""

    places: References
    terms: Terms
    people: Mapping[UUID, Person]
    _teachers: Mapping[str, Sequence[Person]]
    """By login and by name."""
    groups: Mapping[UUID, PupilGroup]
    _groups_of: Mapping[tuple[UUID, str], Sequence[PupilGroup]]
    """By unit and name: a class that closes leaves its name to another one."""

    @classmethod
    def read(cls, session: Session, principal: Principal) -> "Names":
        """All of the county's."""
        people = accounts.everybody(session, principal.county_id)
        called: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            if person.active and any(each.role is Role.TEACHER for each in person.assignments):
                called[plain(person.name)].append(person)
        logins = {person.login: [person] for person in people}
        groups = schools.groups_on(session, principal.county_id, date.min)
        by_name: dict[tuple[UUID, str], list[PupilGroup]] = defaultdict(list)
        for group in groups:
            by_name[group.org_unit_id, plain(group.name)].append(group)
        return cls(
            References.read(session, principal),
            Terms.read(session, principal),
            {person.id: person for person in people},
            {**called, **logins},
            {group.id: group for group in groups},
            by_name,
        )

    def of(self, record: Record, groups_there: GroupsThere) -> Named:
        """What a row says; raises `Lacking`."""
        values = record.values
        term = self.terms.of(record)
        main = self.places.room(record, "org_unit", "main_room", RoomKind.MAIN)
        school = self.places.unit_of(main)
        subject = self.places.subject(record, "subject", values["subject"])
        pattern, weeks = values["weeks"] or (WeekPattern.EVERY, ())
        fields = {
            "term_id": term.id,
            "main_room_id": main.id,
            "teacher_id": self._teacher(record),
            "receiving_room_ids": [
                self.places.room_called(record, "sites", name, RoomKind.RECEIVING).id
                for name in values["sites"]
            ],
            "subject": subject,
            "title": values["title"] or self.places.subject_names(subject)[0],
            "weekday": values["weekday"],
            "period": values["period"],
            "first_day": values["first_day"],
            "last_day": values["last_day"],
            "week_pattern": pattern,
            "weeks": list(weeks),
        }
        if values["mode"] is not None:
            fields["mode"] = values["mode"]
        first_day, last_day = values["first_day"] or term.first_day, values["last_day"] or term.last_day
        slot = values["weekday"], values["period"], pattern, tuple(sorted(weeks))
        key = Key(term.id, main.id, *slot, first_day, last_day)
        there = groups_there(record, key)
        fields["pupil_group_ids"] = [
            self._group(record, school, name, last_day, there).id for name in values["groups"] or ()
        ]
        return Named(fields, school, key, values["title"] is not None)

    def groups_called(self, ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
        """Groups by their units and names: a class that closed may have left its name to another one."""
        return {(self.groups[each].org_unit_id, plain(self.groups[each].name)) for each in ids}

    def group_name(self, group_id: UUID) -> str:
        """What a table calls a group."""
        group = self.groups[group_id]
        return f"{self.places.code_of(group.org_unit_id)}/{plain(group.name)}"

    def _teacher(self, record: Record) -> UUID:
        name = record.values["teacher"]
        found = self._teachers.get(narrow(name).lower()) or self._teachers.get(name) or ()
        if len(found) == 1:
            return found[0].id
        if not found:
            raise Lacking(record.fault("teacher", "teacher.not_found", value=name[:40]))
        logins = ", ".join(person.login for person in found[:5])
        raise Lacking(record.fault("teacher", "teacher.name_shared", value=name[:40], logins=logins))

    def _group(
        self, record: Record, school: OrgUnit, written: str, last_day: date, there: Collection[UUID]
    ) -> PupilGroup:
        """The class of a name: of the lesson as it is, else the one that is open on all days of the row."""
        above, slash, name = written.partition("/")
        unit = self.places.unit_called(record, "groups", narrow(above)) if slash else school
        found = self._groups_of.get((unit.id, plain(name if slash else above)), ())
        if not found:
            raise Lacking(record.fault("groups", "pupil_group.not_found", value=written[:60]))
        for group in found:
            if group.id in there:
                return group
        still_open = [each for each in found if each.closed_from is None or each.closed_from > last_day]
        if len(still_open) > 1:
            raise Lacking(record.fault("groups", "pupil_group.name_shared", value=written[:60]))
        # Of those that are all closed by then, the rule of planning says of the last one when.
        return still_open[0] if still_open else max(found, key=lambda each: each.closed_from or date.max)


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """The county's timetable as rows, the newest term first; drafts for those only who plan.

    Who teaches is named by the login to those only who look after them.
    """
    names = Names.read(session, principal)
    terms = {term.id: term for term in names.terms.by_name.values()}
    plans = allows(principal, Action.ENTRY_PLAN, Target(principal.county_id))
    entries = bulk.entries_taking_place(session, principal.county_id, date.min, date.max)
    within = reach(principal, Action.PERSON_LIST)
    units = {unit.id: unit for unit in names.places.units.values()}

    def teacher(person: Person) -> str:
        seen = any(within.includes(target_of(units[each.org_unit_id])) for each in person.assignments)
        return person.login if seen else person.name

    def place(entry: TimetableEntry) -> tuple[Any, ...]:
        newest = -terms[entry.term_id].first_day.toordinal()
        return (newest, *names.places.place_of(entry.main_room_id), entry.weekday, entry.period, entry.first_day,
                entry.week_pattern, entry.weeks)  # fmt: skip

    return [
        (
            plain(terms[entry.term_id].name),
            *names.places.place_of(entry.main_room_id),
            entry.weekday,
            entry.period,
            (entry.week_pattern, tuple(entry.weeks)),
            entry.first_day,
            entry.last_day,
            names.places.subject_names(entry.subject),
            entry.title,
            entry.mode.value,
            teacher(names.people[entry.teacher_id]),
            sorted("/".join(names.places.place_of(site.receiving_room_id)) for site in entry.sites),
            sorted(names.group_name(group_id) for group_id in entry.pupil_group_ids),
            PUBLISHED if entry.published else DRAFT,
            None,
            entry.id,
        )
        for entry in sorted(entries, key=place)
        if entry.published or plans
    ]
