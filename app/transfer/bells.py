"""Bell schedules as a table: one row a period; a schedule is known by its unit and first day.

All schedules of a file change as one act. Planned lessons stand on them: what becomes of these is known by changing the
bells, so a file that changes any is tried in a transaction that is taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.errors import AppError
from app.lessons import bells_at_once
from app.lessons.bells_at_once import BellEffects, Concerned, Wanted
from app.schools import bulk
from app.schools.models import OrgUnit
from app.timetables import bells
from app.timetables import service as timetables
from app.timetables.models import BellSchedule
from app.timetables.rules import Bell
from app.timetables.schemas import NewBellSchedule
from app.timetables.service import BellDraft
from app.transfer.columns import Column, Fault, Record, Value, as_code, as_day, as_text
from app.transfer.plans import (
    HasToBeTried,
    Importing,
    Plan,
    Said,
    by_code,
    checked,
    no_unit,
    not_allowed,
    planned,
    refused,
)
from app.transfer.weekly import as_clock, as_period, clock_in

COLUMNS = (
    Column("org_unit", ("单位编码", "Code of the org unit"),
           ("县、乡镇、学校或教学点的编码;没有自己作息的下级单位随上级",
            "Units below that have none of their own go by it"), as_code, required=True, width=18),
    Column("name", ("作息表名称", "Name"),
           ("如 冬季;同一作息表各行相同", "Such as Winter; the same in all of its rows"), as_text, required=True,
           width=20),
    Column("valid_from", ("开始日期", "First day"), ("同一作息表各行相同", "The same in all of its rows"), as_day,
           required=True),
    Column("valid_to", ("结束日期", "Last day"), ("含当天;同一作息表各行相同", "The same in all of its rows"), as_day,
           required=True),
    Column("period", ("节次", "Period"), ("1 至 99", "1 to 99"), as_period, required=True),
    Column("starts_at", ("上课时间", "Begins at"), ("如 08:00", "Such as 08:00"), as_clock, clock_in, required=True),
    Column("ends_at", ("下课时间", "Ends at"), ("如 08:40;00:00 表示当天午夜", "Such as 08:40; 00:00 ends the day"),
           as_clock, clock_in, required=True),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Value]] = (
    ("3415240012", "夏季", date(2026, 9, 1), date(2026, 10, 7), 1, time(8), time(8, 40)),
    ("3415240012", "夏季", date(2026, 9, 1), date(2026, 10, 7), 2, time(8, 50), time(9, 30)),
    ("3415240012", "冬季", date(2026, 10, 8), date(2027, 1, 22), 1, time(8, 20), time(9)),
    ("3415240012", "冬季", date(2026, 10, 8), date(2027, 1, 22), 2, time(9, 10), time(9, 50)),
)
_RENAMED: Final = {"org_unit_id": "org_unit", "periods": "period"}
_ALL: Final = 100_000
"""Schedules of a county: some hundred a year."""
_COLUMN_OF: Final = {
    "days.reversed": "valid_to",
    "bells.overlap": "valid_from",
    "bells.period_reversed": "ends_at",
    "bells.periods_overlap": "starts_at",
}
MOST_CHANGED: Final = 1000
"""Schedules that one file may put in force or change: a county has two or three hundred a year."""
_Key = tuple[UUID, date]


@dataclass
class _Rows:
    """The rows of one schedule."""

    unit: OrgUnit
    first: Record
    name: str
    valid_to: date
    periods: dict[int, tuple[Record, Bell]] = field(default_factory=dict)


class _Planning:
    """The county's bells as they are, and what the rows would make of them."""

    def __init__(
        self, session: Session, principal: Principal, records: Sequence[Record], at: Importing
    ) -> None:
        self._session, self._principal, self._at = session, principal, at
        self._units = by_code(bulk.all_units(session, principal.county_id))
        if at.may_try:  # rows join what is there: nobody may change that between the reading and the writing
            codes = {record.values["org_unit"] for record in records} & self._units.keys()
            bells_at_once.hold(session, {self._units[code].id for code in codes})
        there, _ = bells.list_schedules(session, principal.county_id, None, _ALL)
        self._there = {(each.org_unit_id, each.valid_from): each for each in there}
        self._rows: dict[_Key, _Rows] = {}
        self.wanted: dict[int, Wanted] = {}
        """By the first of their rows."""
        self._by_row: dict[int, _Rows] = {}
        self.created = self.changed = self.unchanged = 0
        self.faults: list[Fault] = []
        self.remarks: list[Said] = []

    def take(self, record: Record) -> None:
        """Put a row to those of its schedule."""
        values = record.values
        unit = self._units.get(values["org_unit"])
        if unit is None:
            self.faults.append(no_unit(record, "org_unit", values["org_unit"], self._units))
            return
        period = {"number": values["period"], "starts_at": values["starts_at"], "ends_at": values["ends_at"]}
        said = {name: values[name] for name in ("name", "valid_from", "valid_to")}
        new = checked(NewBellSchedule, record, {}, _RENAMED, org_unit_id=unit.id, periods=[period], **said)
        if isinstance(new, list):
            self.faults += new
            return
        rows = self._rows.setdefault((unit.id, new.valid_from), _Rows(unit, record, new.name, new.valid_to))
        for column, value, first in (
            ("name", new.name, rows.name),
            ("valid_to", new.valid_to, rows.valid_to),
        ):
            if value != first:
                self.faults.append(record.fault(column, "bells.rows_differ", first=rows.first.row))
                return
        again = rows.periods.setdefault(
            values["period"], (record, Bell(values["starts_at"], values["ends_at"]))
        )
        if again[0] is not record:
            self.faults.append(record.fault("period", "row.twice", first=again[0].row))

    def judge(self) -> None:
        """Find out what each schedule would be, and what becomes of lessons."""
        for key, rows in self._rows.items():
            self._compare(rows, self._there.get(key), key[1])
        if self.faults or not self.wanted:
            return
        if not self._at.may_try:
            raise HasToBeTried
        trial = bells_at_once.try_all(
            self._session, self._principal, self.wanted, self._at.doing, follow=self._at.follow
        )
        for row, error in trial.refused.items():
            self.faults.append(_refusal(self._by_row[row], error))
        if trial.clash is not None:
            self.faults.append(refused(next(iter(self._by_row.values())).first, "starts_at", trial.clash))
        self._tell(trial.effects)

    def _compare(self, rows: _Rows, present: BellSchedule | None, valid_from: date) -> None:
        before = bells.draft_of(present) if present is not None else None
        periods = {number: bell for number, (_, bell) in rows.periods.items()}
        if before is not None:
            periods = {**before.periods, **periods}
        draft = BellDraft(rows.unit.id, rows.name, valid_from, rows.valid_to, periods)
        if before is None:
            self.created += len(rows.periods)
        elif (before.name, before.valid_to) != (draft.name, draft.valid_to):
            self.changed += len(rows.periods)
        else:
            same = sum(before.periods.get(number) == bell for number, (_, bell) in rows.periods.items())
            self.unchanged += same
            self.changed += len(rows.periods) - same
            if same == len(rows.periods):
                return
        action = Action.BELLS_ADD if before is None else Action.BELLS_CHANGE
        if denied := not_allowed(self._principal, action, rows.unit, rows.first, "org_unit"):
            self.faults += denied
            return
        if len(self.wanted) >= MOST_CHANGED:
            self.faults.append(rows.first.fault(None, "bells.too_many", most=MOST_CHANGED))
            return
        try:
            timetables.check_bells(draft)
        except AppError as error:
            self.faults.append(_refusal(rows, error))
            return
        self.wanted[rows.first.row] = Wanted(draft, present.id if present is not None else None)
        self._by_row[rows.first.row] = rows

    def _tell(self, effects: Mapping[int, BellEffects]) -> None:
        moving = falling = 0
        for row, each in effects.items():
            told = [("bells.apart", each.apart)]
            if not self._at.follow:
                told += [("bells.moving", each.moving), ("bells.falling", each.falling)]
            record = self._by_row[row].first
            self.faults += (_concerned(record, code, lessons) for code, lessons in told if lessons)
            moving, falling = moving + len(each.moving), falling + len(each.falling)
        if self._at.follow and (moving or falling):
            self.remarks.append(("bells.follow", {"moving": moving, "falling": falling}))

    def carry_out(self, session: Session) -> None:
        """Put all of them in force."""
        if self.wanted:
            bells_at_once.put_all(
                session, self._principal, self.wanted, self._at.doing, follow=self._at.follow
            )


def _concerned(record: Record, code: str, lessons: Sequence[Concerned]) -> Fault:
    first = lessons[0]
    return record.fault(
        "starts_at", code, count=len(lessons), day=str(first.date), period=first.period, title=first.title
    )


def _refusal(rows: _Rows, error: AppError) -> Fault:
    """What a rule of bells refused, at the row of the period that it is about."""
    numbers = [error.extra["period"]] if "period" in error.extra else error.extra.get("periods", [])
    about = [rows.periods[number][0] for number in reversed(numbers) if number in rows.periods]
    return refused(about[0] if about else rows.first, _COLUMN_OF.get(error.code, "valid_from"), error)


def plan(session: Session, principal: Principal, records: Sequence[Record], at: Importing) -> Plan:
    """What the rows would do to the county's bells. Raises `HasToBeTried`."""
    return planned(_Planning(session, principal, records, at), records)


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """The county's bell schedules as rows."""
    codes = {unit.id: unit.code for unit in bulk.all_units(session, principal.county_id)}
    there, _ = bells.list_schedules(session, principal.county_id, None, _ALL)
    return [
        (codes[each.org_unit_id], each.name, each.valid_from, each.valid_to, period.number, period.starts_at,
         period.ends_at)
        for each in sorted(there, key=lambda each: (codes[each.org_unit_id], each.valid_from))
        for period in sorted(each.periods, key=lambda period: period.number)
    ]  # fmt: skip
