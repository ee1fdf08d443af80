"""Agreements as a table: one row each, known by its rooms, subjects and days. What was agreed never changes by a row.

A row may record a new agreement, as one that both sides have agreed on or as a proposal, and approve what was proposed:
a bureau admin may do each of these by hand. Everything else that is decided on an agreement has consequences for
lessons, and is decided on its page.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import take_turns
from app.errors import AppError
from app.pairings import bulk
from app.pairings.models import Pairing
from app.pairings.rules import Level, PairingState
from app.pairings.schemas import NewPairing
from app.pairings.service import PairingDraft, agreement_between, check_terms, refuse_slow_link
from app.schools.models import Room
from app.schools.rules import RoomKind
from app.transfer.columns import (
    Column,
    Fault,
    Record,
    Value,
    Words,
    as_code,
    as_day,
    as_number,
    as_whole,
    as_word,
    listed,
    word_of,
)
from app.transfer.plans import Plan, checked, differing, not_allowed, refused
from app.transfer.references import Lacking, References, names_in

LEVELS: Words = {
    Level.COUNTY.value: ("县级", "county"),
    Level.CITY.value: ("市级", "city"),
    Level.PROVINCE.value: ("省级", "province"),
}
STATES: Words = {
    PairingState.PROPOSED.value: ("已提出", "proposed"),
    PairingState.ACCEPTED.value: ("双方已同意", "accepted"),
    PairingState.APPROVED.value: ("已批准", "approved"),
    PairingState.SUSPENDED.value: ("已暂停", "suspended"),
    PairingState.ENDED.value: ("已结束", "ended"),
}
COLUMNS = (
    Column("main_org_unit", ("主课堂单位编码", "Code of the main classroom's unit"), ("学校的编码", "Of the school"),
           as_code, required=True, width=20),
    Column("main_room", ("主课堂编码", "Main classroom"),
           ("该单位只有一间主课堂时可空", "May be empty where the unit has one only"), as_code),
    Column("receiving_org_unit", ("教学点编码", "Code of the teaching site"), ("教学点的编码", "Of the site"), as_code,
           required=True, width=20),
    Column("receiving_room", ("接收教室编码", "Receiving room"),
           ("该单位只有一间接收教室时可空", "May be empty where the unit has one only"), as_code),
    Column("subjects", ("学科", "Subjects"),
           ("用顿号分隔;空着表示所有学科", "With commas between; empty: all subjects"), listed, names_in, width=28),
    Column("valid_from", ("开始日期", "First day"), ("如 2026-09-01", "Such as 2026-09-01"), as_day, required=True),
    Column("valid_to", ("结束日期", "Last day"), ("含当天", "The last one it holds"), as_day, required=True),
    Column("capacity", ("同时听课教学点上限", "Most sites at once"), ("空着表示 3", "Empty: 3"), as_whole, width=20),
    Column("level", ("级别", "Level"), ("县级、市级或省级;空着表示县级", "county, city or province; empty: county"),
           as_word(LEVELS), word_of(LEVELS)),
    Column("minimum_link_mbps", ("最低带宽(Mbit/s)", "Minimum link (Mbit/s)"),
           ("对教学点线路的要求,可空", "Asked of the site's line; may be empty"), as_number, width=20),
    Column("state", ("状态", "State"),
           ("新协议写“已批准”(双方已书面同意)或“已提出”(尚待双方同意);空着表示已批准。其余状态只见于导出的表格",
            "Of a new one: approved (both sides have agreed) or proposed (they still have to); empty: approved. "
            "Others stand in exported tables only"),
           as_word(STATES), word_of(STATES)),
    Column("stopped_from", ("停止日期", "Without lessons from"),
           ("暂停或提前结束的第一天;只见于导出的表格", "Of one suspended or ended early; in exported tables only"),
           as_day),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Value]] = (
    ("3415240012", "M1", "3415240112", "R1", [("英语", "English"), ("音乐", "Music")], date(2026, 9, 1),
     date(2027, 7, 10), 3, "county", 20, "approved", None),
    ("3415240012", "M1", "3415240113", None, [], date(2026, 9, 1), date(2027, 7, 10), None, None, None,
     "proposed", None),
)  # fmt: skip
MOST_NEW = 2000
"""Agreements that one file may make: a county has some hundred a year, and each is compared with those of its rooms."""
_NEW = frozenset({None, PairingState.PROPOSED.value, PairingState.APPROVED.value})
_FIXED = ("capacity", "level", "minimum_link_mbps", "stopped_from")
_RENAMED = {"": "valid_to"}
_COLUMN_OF = {
    "pairing.days_reversed": "valid_to",
    "pairing.not_a_main_room": "main_room",
    "pairing.not_a_receiving_room": "receiving_room",
    "pairing.link_too_slow": "minimum_link_mbps",
    "pairing.exists": "subjects",
}
_Key = tuple[UUID, UUID, tuple[str, ...], date, date]


class _Planning:
    """The county's agreements as they are, and what the rows would make of them."""

    def __init__(self, session: Session, principal: Principal, records: Sequence[Record]) -> None:
        self._principal = principal
        self.faults: list[Fault] = []
        self._places = References.read(session, principal)
        self._rows = [(record, rooms) for record in records if (rooms := self._rooms(record))]
        # Whoever agrees on a room takes turns for it, and so sees what others agreed on.
        take_turns(session, {room.id for _, rooms in self._rows for room in rooms})
        self._between: dict[tuple[UUID, UUID], list[Pairing]] = defaultdict(list)
        self._there: dict[_Key, Pairing] = {}
        for each in bulk.all_pairings(session, principal.county_id):
            self._between[each.main_room_id, each.receiving_room_id].append(each)
            if each.agreement.claimed is not None:
                self._there[_key(each)] = each
        self.sites = {receiving.id: receiving.org_unit_id for _, (_, receiving) in self._rows}
        self._new_in: dict[UUID, int] = {}
        self._seen: dict[_Key, int] = {}
        self.new: list[Pairing] = []
        self.approved: list[UUID] = []
        self.unchanged = 0

    def _rooms(self, record: Record) -> tuple[Room, Room] | None:
        try:
            return (
                self._places.room(record, "main_org_unit", "main_room", RoomKind.MAIN),
                self._places.room(record, "receiving_org_unit", "receiving_room", RoomKind.RECEIVING),
            )
        except Lacking as error:
            self.faults.append(error.fault)
            return None

    def take_all(self) -> None:
        """Decide about every row."""
        for record, (main, receiving) in self._rows:
            try:
                self._take(record, main, receiving)
            except Lacking as error:
                self.faults.append(error.fault)
            except AppError as error:
                self.faults.append(self._refusal(record, error))

    def _take(self, record: Record, main: Room, receiving: Room) -> None:
        values = record.values
        names = values["subjects"] or ()
        subjects = sorted({self._places.subject(record, "subjects", name) for name in names})
        said = {
            name: values[name]
            for name in ("capacity", "level", "minimum_link_mbps")
            if values[name] is not None
        }
        new = checked(
            NewPairing, record, {}, _RENAMED, main_room_id=main.id, receiving_room_id=receiving.id, subjects=subjects,
            valid_from=values["valid_from"], valid_to=values["valid_to"], **said,
        )  # fmt: skip
        if isinstance(new, list):
            self.faults += new
            return
        key = (main.id, receiving.id, tuple(subjects), new.valid_from, new.valid_to)
        if (first := self._seen.setdefault(key, record.row)) != record.row:
            self.faults.append(record.fault("subjects", "row.twice", first=first))
        elif present := self._there.get(key):
            self._compare(record, present, receiving)
        elif denied := self._denied(record, Action.PAIRING_ADD, main, receiving):
            self.faults += denied
        elif values["state"] not in _NEW or values["stopped_from"] is not None:
            column = "stopped_from" if values["state"] in _NEW else "state"
            self.faults.append(record.fault(column, "pairing.state_not_new"))
        elif len(self.new) >= MOST_NEW:
            self.faults.append(record.fault(None, "pairing.too_many", most=MOST_NEW))
        else:
            self._add(record, main, receiving, new)

    def _add(self, record: Record, main: Room, receiving: Room, new: NewPairing) -> None:
        draft = PairingDraft(
            main_room_id=main.id,
            receiving_room_id=receiving.id,
            valid_from=new.valid_from,
            valid_to=new.valid_to,
            subjects=tuple(new.subjects),
            capacity=new.capacity,
            level=new.level,
            minimum_link_mbps=new.minimum_link_mbps,
            is_proposal=record.values["state"] == PairingState.PROPOSED.value,
        )
        check_terms(draft, main, receiving)
        others = self._between[main.id, receiving.id]
        made = agreement_between(main, receiving, draft, self._principal.county_id, others)
        others.append(made)
        self._new_in[made.id] = record.row
        self.new.append(made)

    def _compare(self, record: Record, present: Pairing, receiving: Room) -> None:
        given = {name: record.values[name] for name in _FIXED if record.values[name] is not None}
        if other := differing(record, present, given):
            self.faults += (record.fault(name, "pairing.fixed") for name in other)
            return
        wanted = record.values["state"]
        undecided = present.state in (PairingState.PROPOSED, PairingState.ACCEPTED)
        if wanted in (None, present.state.value):
            self.unchanged += 1
        elif (
            wanted != PairingState.APPROVED.value or not undecided or present.valid_to < self._principal.today
        ):
            self.faults.append(record.fault("state", "pairing.state_fixed"))
        elif denied := self._denied(record, Action.PAIRING_DECIDE, receiving):
            self.faults += denied
        else:
            refuse_slow_link(present, receiving)
            self.approved.append(present.id)

    def _denied(self, record: Record, action: Action, *rooms: Room) -> list[Fault]:
        columns = ("main_org_unit", "receiving_org_unit")[-len(rooms) :]
        return [
            fault
            for room, column in zip(rooms, columns, strict=True)
            for fault in not_allowed(self._principal, action, self._places.unit_of(room), record, column)
        ]

    def _refusal(self, record: Record, error: AppError) -> Fault:
        column = _COLUMN_OF.get(error.code, "valid_to")
        if error.code == "pairing.exists":
            other = UUID(error.extra["pairing_id"])
            if other in self._new_in:
                return record.fault(column, "pairing.exists_in_row", first=self._new_in[other])
        return refused(record, column, error)


def _key(pairing: Pairing) -> _Key:
    return (
        pairing.main_room_id, pairing.receiving_room_id, tuple(sorted(pairing.subjects)), pairing.valid_from,
        pairing.valid_to,
    )  # fmt: skip


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's agreements."""
    planning = _Planning(session, principal, records)
    planning.take_all()

    def carry_out(session: Session) -> None:
        bulk.add_pairings(session, principal, planning.new, planning.sites)
        bulk.approve_all(session, principal, planning.approved)

    return Plan(
        len(planning.new), len(planning.approved), planning.unchanged, tuple(planning.faults), carry_out
    )


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """The county's agreements as rows, but for proposals that came to nothing."""
    places = References.read(session, principal)
    found = [
        each for each in bulk.all_pairings(session, principal.county_id) if each.agreement.claimed is not None
    ]
    named = [
        (*places.place_of(each.main_room_id), *places.place_of(each.receiving_room_id), each)
        for each in found
    ]
    return [
        (
            *codes,
            [places.subject_names(code) for code in each.subjects],
            each.valid_from,
            each.valid_to,
            each.capacity,
            each.level.value,
            each.minimum_link_mbps,
            each.state.value,
            each.stopped_from,
        )
        for *codes, each in sorted(named, key=lambda row: (*row[:4], row[4].valid_from, row[4].subjects))
    ]
