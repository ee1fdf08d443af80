"""Rooms as a table: one row each, named by the codes of their unit and their own."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.errors import AppError
from app.schools import bulk
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind
from app.schools.schemas import NewRoom
from app.schools.service import RoomDraft, room_in
from app.transfer.columns import (
    Column,
    Fault,
    Record,
    Words,
    Written,
    as_code,
    as_number,
    as_text,
    as_word,
    word_of,
)
from app.transfer.plans import NOBODY, Plan, by_code, checked, differing, not_allowed, refused, twice

KINDS: Words = {
    RoomKind.MAIN.value: ("主课堂", "main"),
    RoomKind.RECEIVING.value: ("接收教室", "receiving"),
    RoomKind.RECORDING.value: ("录播教室", "recording"),
}
COLUMNS = (
    Column("org_unit", ("单位编码", "Code of the org unit"), ("学校或教学点的编码", "Of the school or site"), as_code,
           required=True, width=18),
    Column("code", ("教室编码", "Code"), ("在该单位内唯一", "Unique in the unit"), as_code, required=True),
    Column("name", ("名称", "Name"), ("教室名称", "What it is called"), as_text, required=True, width=28),
    Column("kind", ("类型", "Kind"), ("主课堂、接收教室或录播教室", "main, receiving or recording"), as_word(KINDS),
           word_of(KINDS), required=True),
    Column("link_mbps_declared", ("申报带宽(Mbit/s)", "Declared link (Mbit/s)"),
           ("线路申报的带宽,可空", "What the line is said to carry; may be empty"), as_number, width=20),
    Column("equipment", ("设备", "Equipment"), ("设备说明,可空", "In words; may be empty"), as_text, width=40),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Written]] = (
    ("3415240012", "M1", "录播教室", "main", 200, "双机位、智慧黑板"),
    ("3415240112", "R1", "一二年级教室", "receiving", 20, "一体机、全向麦克风"),
)
_PATTERNS = {"code": "cell.bad_code"}
_RENAMED = {"org_unit_id": "org_unit"}


class _Planning:
    """The county's rooms as they are, and what the rows would make of them."""

    def __init__(self, principal: Principal, units: Sequence[OrgUnit], rooms: Sequence[Room]) -> None:
        self._principal = principal
        self._units = by_code(units)
        self._rooms = {(room.org_unit_id, room.code): room for room in rooms}
        self.new: list[Room] = []
        self.changes: list[tuple[Room, dict[str, object]]] = []
        self.unchanged = 0
        self.faults: list[Fault] = []

    def take(self, record: Record) -> None:
        """Decide about one row."""
        values = record.values
        unit = self._units.get(values["org_unit"])
        if unit is None:
            self.faults.append(record.fault("org_unit", "org_unit.not_found", value=values["org_unit"][:40]))
        asked = {key: values[key] for key in ("code", "name", "kind", "link_mbps_declared", "equipment")}
        checks = checked(
            NewRoom, record, _PATTERNS, _RENAMED, org_unit_id=unit.id if unit else NOBODY, **asked
        )
        if isinstance(checks, list):
            self.faults += checks
        elif unit is not None:
            self._place(record, unit, checks)

    def _place(self, record: Record, unit: OrgUnit, new: NewRoom) -> None:
        present = self._rooms.get((unit.id, new.code))
        values = {"name": new.name, "link_mbps_declared": new.link_mbps_declared, "equipment": new.equipment}
        changes = differing(record, present, values) if present else {}
        if present is not None and present.kind is not new.kind:
            self.faults.append(record.fault("kind", "room.kind_fixed"))
        elif present is not None and not changes:
            self.unchanged += 1
        elif denied := not_allowed(self._principal, Action.ROOM_ADD, unit, record, "org_unit"):
            self.faults += denied
        elif present is not None:
            self.changes.append((present, changes))
        else:
            draft = RoomDraft(unit.id, new.kind, new.code, new.name, new.link_mbps_declared, new.equipment)
            try:
                self.new.append(room_in(unit, draft))
            except AppError as error:
                self.faults.append(refused(record, "kind", error))


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's rooms."""
    county_id = principal.county_id
    planning = _Planning(principal, bulk.all_units(session, county_id), bulk.all_rooms(session, county_id))
    again = twice(records, lambda record: (record.values["org_unit"], record.values["code"]), "code")
    planning.faults += again.values()
    for record in records:
        if record.row not in again:
            planning.take(record)

    def carry_out(session: Session) -> None:
        bulk.add_rooms(session, principal, planning.new)
        bulk.change(session, principal, planning.changes)

    return Plan(
        len(planning.new), len(planning.changes), planning.unchanged, tuple(planning.faults), carry_out
    )


def rows(session: Session, principal: Principal) -> list[Sequence[Written]]:
    """The county's rooms as rows."""
    codes = {unit.id: unit.code for unit in bulk.all_units(session, principal.county_id)}
    return [
        (
            codes[room.org_unit_id],
            room.code,
            room.name,
            room.kind.value,
            room.link_mbps_declared,
            room.equipment,
        )
        for room in bulk.all_rooms(session, principal.county_id)
    ]
