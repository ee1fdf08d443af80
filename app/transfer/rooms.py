"""Rooms as a table: one row each, named by the codes of their unit and their own."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.schools import bulk
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind
from app.schools.schemas import NewRoom
from app.schools.service import RoomDraft, room_in
from app.transfer.columns import (
    Column,
    Record,
    Words,
    Written,
    as_code,
    as_number,
    as_text,
    as_word,
    word_of,
)
from app.transfer.plans import NOBODY, Gathered, Plan, by_code, checked, not_allowed, twice

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


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's rooms."""
    units = by_code(bulk.all_units(session, principal.county_id))
    there = {(room.org_unit_id, room.code): room for room in bulk.all_rooms(session, principal.county_id)}
    found = Gathered[Room]()
    again = twice(records, lambda record: (record.values["org_unit"], record.values["code"]), "code")
    found.faults += again.values()
    for record in records:
        if record.row not in again:
            _take(found, principal, units, there, record)

    def carry_out(session: Session) -> None:
        bulk.add_rooms(session, principal, found.new)
        bulk.change(session, principal, found.changes)

    return found.plan(carry_out)


def _take(
    found: Gathered[Room],
    principal: Principal,
    units: Mapping[str, OrgUnit],
    there: Mapping[tuple[UUID, str], Room],
    record: Record,
) -> None:
    values = record.values
    unit = units.get(values["org_unit"])
    if unit is None:
        found.faults.append(record.fault("org_unit", "org_unit.not_found", value=values["org_unit"][:40]))
    asked = {key: values[key] for key in ("code", "name", "kind", "link_mbps_declared", "equipment")}
    new = checked(NewRoom, record, _PATTERNS, _RENAMED, org_unit_id=unit.id if unit else NOBODY, **asked)
    if isinstance(new, list):
        found.faults += new
        return
    if unit is None:
        return
    present = there.get((unit.id, new.code))
    if present is not None and present.kind is not new.kind:
        found.faults.append(record.fault("kind", "room.kind_fixed"))
        return
    draft = RoomDraft(unit.id, new.kind, new.code, new.name, new.link_mbps_declared, new.equipment)
    found.take(
        record,
        present,
        {"name": new.name, "link_mbps_declared": new.link_mbps_declared, "equipment": new.equipment},
        not_allowed(principal, Action.ROOM_ADD, unit, record, "org_unit"),
        lambda: room_in(unit, draft),
        "kind",
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
