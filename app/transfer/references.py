"""What rows name of other tables: units and rooms by their codes, subjects by any of their names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.schools import bulk, subjects
from app.schools.models import OrgUnit, Room, TaughtSubject
from app.schools.rules import RoomKind
from app.timetables import service as timetables
from app.timetables.models import Term
from app.transfer.columns import Fault, Record, Value, bare, plain, separated
from app.transfer.plans import by_code, no_unit, padded, zeros_lost
from app.web.language import Language


class Lacking(Exception):
    """A row names what is not there."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


@dataclass(frozen=True)
class References:
    """A county's units, rooms and subjects, as rows name them. What is looked for in vain raises `Lacking`."""

    units: dict[str, OrgUnit]
    today: date
    rooms: dict[tuple[UUID, str], Room]
    subjects: dict[str, TaughtSubject]
    """By their codes."""
    _called: dict[str, str] = field(default_factory=dict)
    _by_id: dict[UUID, Room] = field(default_factory=dict)
    _codes: dict[UUID, str] = field(default_factory=dict)

    @classmethod
    def read(cls, session: Session, principal: Principal) -> "References":
        """All of the county's."""
        units = by_code(bulk.all_units(session, principal.county_id))
        rooms = bulk.all_rooms(session, principal.county_id)
        taught = subjects.list_subjects(session, principal.county_id)
        names = ((name, each.code) for each in taught for name in (each.name_en, each.name_zh))
        return cls(
            units,
            principal.today,
            {(room.org_unit_id, room.code): room for room in rooms},
            {each.code: each for each in taught},
            {bare(name): code for name, code in (*names, *((each.code, each.code) for each in taught))},
            {room.id: room for room in rooms},
            {unit.id: unit.code for unit in units.values()},
        )

    @property
    def zone(self) -> ZoneInfo:
        """The county's time zone."""
        return ZoneInfo(
            next(unit.time_zone for unit in self.units.values() if unit.parent_id is None) or "UTC"
        )

    def unit(self, record: Record, column: str) -> OrgUnit:
        """The unit whose code a column holds."""
        return self.unit_called(record, column, record.values[column])

    def unit_called(self, record: Record, column: str, code: str) -> OrgUnit:
        """The unit with a code that a column holds beside other things."""
        if (found := self.units.get(code)) is None:
            raise Lacking(no_unit(record, column, code, self.units))
        return found

    def room(self, record: Record, unit_column: str, room_column: str, kind: RoomKind) -> Room:
        """The room whose codes two columns hold."""
        unit, code = self.unit(record, unit_column), record.values[room_column]
        return self._room_in(record, room_column, unit, code, kind)

    def room_called(self, record: Record, column: str, name: str, kind: RoomKind) -> Room:
        """The room that is named by the codes of its unit and its own with a slash between, or by the former alone."""
        above, _, code = name.partition("/")
        unit = self.unit_called(record, column, above.strip())
        return self._room_in(record, column, unit, code.strip() or None, kind)

    def _room_in(self, record: Record, column: str, unit: OrgUnit, code: str | None, kind: RoomKind) -> Room:
        """A room of a unit; the only one of its kind needs no code, closed ones apart."""
        if code is not None:
            room = self.rooms.get((unit.id, code))
            if room is None:
                codes = padded(code for above, code in self.rooms if above == unit.id)
                if other := codes.get(code):
                    raise Lacking(zeros_lost(record, column, code, other))
                raise Lacking(record.fault(column, "room.not_found", value=f"{unit.code}/{code}"[:60]))
            return room
        found = [
            room
            for room in self.rooms.values()
            if room.org_unit_id == unit.id
            and room.kind is kind
            and (room.closed_from is None or room.closed_from > self.today)
        ]
        if len(found) != 1:
            lacks = "room.name_one" if found else f"room.no_{kind.value}_room"
            raise Lacking(record.fault(column, lacks, value=unit.code))
        return found[0]

    def subject(self, record: Record, column: str, name: str) -> str:
        """The code of a subject of the county's list."""
        if name in self.subjects:
            return name
        if (code := self._called.get(bare(name))) is None:
            raise Lacking(record.fault(column, "subject.unknown", value=name[:40]))
        return code

    def unit_of(self, room: Room) -> OrgUnit:
        """The unit that a room belongs to."""
        return self.units[self._codes[room.org_unit_id]]

    def place_of(self, room_id: UUID) -> tuple[str, str]:
        """The codes of a room's unit and its own."""
        room = self._by_id[room_id]
        return self._codes[room.org_unit_id], room.code

    def is_main(self, room_id: UUID) -> bool:
        """Whether a room is a main classroom."""
        return self._by_id[room_id].kind is RoomKind.MAIN

    def code_of(self, unit_id: UUID) -> str:
        """The code of a unit."""
        return self._codes[unit_id]

    def subject_names(self, code: str) -> tuple[str, str]:
        """A subject's names in Chinese and English."""
        found = self.subjects[code]
        return found.name_zh, found.name_en


@dataclass(frozen=True, slots=True)
class Terms:
    """A county's terms, as rows name them."""

    by_name: dict[str, Term]
    today: Term | None
    """That which has today in it: who names none means this one."""

    @classmethod
    def read(cls, session: Session, principal: Principal) -> "Terms":
        """All of the county's, the first of them first."""
        terms = timetables.terms_meeting(session, principal.county_id, date.min, date.max)
        by_name = {plain(term.name): term for term in sorted(terms, key=lambda term: term.first_day)}
        return cls(by_name, timetables.find_term(session, principal.county_id, principal.today))

    def find(self, name: str | None) -> Term | None:
        """The term of a name, or that of today."""
        return self.by_name.get(name) if name else self.today

    def of(self, record: Record) -> Term:
        """The term that a row is about; raises `Lacking`."""
        if (term := self.find(record.values["term"])) is None:
            raise Lacking(self.fault(record))
        return term

    def fault(self, record: Record) -> Fault:
        """The fault of a row whose term is not there."""
        name = record.values["term"]
        code = "term.not_found" if name else "term.none_today"
        return record.fault("term", code, value=(name or "")[:40])


Names = Sequence[tuple[str, str]]
"""Things by what each is called in Chinese and English."""


def name_in(value: Value, language: Language) -> str:
    """Writes what something is called in a language."""
    return str(value[0] if language is Language.CHINESE else value[1])


def names_in(values: Value, language: Language) -> str:
    """Writes what several things are called."""
    return separated([name_in(value, language) for value in values], language)
