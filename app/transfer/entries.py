"""The weekly timetable as a table: one row a weekly lesson, known by its term, main classroom, slot, weeks and days.

New rows are planned together (`app.lessons.bulk`), and so are rows that change what is there (`entry_changes`); what is
in the way is looked for in the timetable as it will be after all of them. A row that was exported has the lesson's id,
by which it is known when the slot is another one: then the lesson moves. A row that is missing calls nothing off; one
that says so does.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.lessons import bulk
from app.lessons.bulk import Part
from app.schemas import Input, Name
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft, Plan
from app.timetables.schemas import NewTimetableEntry
from app.transfer import entry_faults
from app.transfer.columns import Fault, Record
from app.transfer.entry_changes import MOST as MOST_CHANGED
from app.transfer.entry_changes import Change, Changes
from app.transfer.entry_columns import CALLED_OFF, DRAFT, PUBLISHED
from app.transfer.entry_columns import COLUMNS as COLUMNS
from app.transfer.entry_columns import EXAMPLES as EXAMPLES
from app.transfer.entry_names import Key, Named, Names
from app.transfer.entry_names import rows as rows
from app.transfer.plans import Importing, Said, checked, not_allowed
from app.transfer.plans import Plan as TablePlan
from app.transfer.references import Lacking

MOST_NEW: Final = 2000
"""Weekly lessons that one file may add: a county has some 700."""
MOST_BOOKED: Final = 400_000
"""Bookings of people, rooms and groups by all lessons of a file: a county's timetable has some 100,000."""
_FIELDS: Final = {
    "teacher": "teacher_id",
    "subject": "subject",
    "title": "title",
    "mode": "mode",
    "sites": "receiving_room_ids",
    "groups": "pupil_group_ids",
}
"""What a row changes of a lesson that is there, by the columns."""
_SLOT: Final = {
    "main_room": ("main_room_id",),
    "weekday": ("weekday",),
    "period": ("period",),
    "weeks": ("pattern", "weeks"),
    "last_day": ("last_day",),
}
"""What a row with the lesson's id may change of where and when it is, by the columns: fields of a `Key`."""
_RENAMED: Final = {
    **{field: column for column, field in _FIELDS.items()},
    "term_id": "term",
    "main_room_id": "main_room",
    "week_pattern": "weeks",
    "": "weeks",
}


class _Told(Input):
    """What people are told of a change."""

    reason: Name | None


class _Planning:
    """The county's timetable as it is, and what the rows would make of it."""

    def __init__(
        self, session: Session, principal: Principal, records: Sequence[Record], at: Importing
    ) -> None:
        self._session, self._principal, self._at = session, principal, at
        self._names = Names.read(session, principal)
        self._records = {record.row: record for record in records}
        self._claimed = {record.values["entry_id"] for record in records}
        """What rows name by its id: no other row means it by its slot, which may be another one by now."""
        self._seen: dict[Key | UUID, int] = {}
        self._drafts: dict[int, EntryDraft] = {}
        self._published: set[int] = set()
        self.plans: dict[int, Plan] = {}
        self.changes = Changes(principal, at.doing)
        self._same: dict[int, TimetableEntry] = {}
        """By row: what is as the row says."""
        self.unchanged = 0
        self.faults: list[Fault] = []
        terms = [term for record in records if (term := self._names.terms.find(record.values["term"]))]
        first, last = (
            min((t.first_day for t in terms), default=None),
            max((t.last_day for t in terms), default=None),
        )
        self._there: dict[Key, list[TimetableEntry]] = defaultdict(list)
        self._by_id: dict[UUID, TimetableEntry] = {}
        if first and last:
            for entry in bulk.entries_taking_place(session, principal.county_id, first, last):
                self._there[_key_of(entry)].append(entry)
                self._by_id[entry.id] = entry

    def take(self, record: Record) -> None:
        """See what a row is about."""
        try:
            named = self._names.of(record, self._groups_there)
            present = self._present(record, named.key)
        except Lacking as error:
            self.faults.append(error.fault)
            return
        new = checked(NewTimetableEntry, record, {}, _RENAMED, **named.fields)
        told = checked(_Told, record, {}, reason=record.values["reason"])
        if isinstance(new, list):
            self.faults += new
            return
        if isinstance(told, list):
            self.faults += told
            return
        about = present.id if present is not None else record.values["entry_id"] or named.key
        if (first := self._seen.setdefault(about, record.row)) != record.row:
            by_id = about == record.values["entry_id"]
            column, code = ("entry_id", "entry.id_twice") if by_id else ("period", "row.twice")
            self.faults.append(record.fault(column, code, first=first))
        elif present is not None:
            self._compare(record, present, new.draft(), named)
        else:
            self._add(record, new.draft(), named)

    def _present(self, record: Record, key: Key) -> TimetableEntry | None:
        """The lesson that a row is about: by its id, else by its slot. Raises `Lacking`."""
        own = record.values["entry_id"]
        if own in self._by_id:
            return self._by_id[own]
        if own is not None and record.values["status"] == CALLED_OFF:
            return None  # it is; another one may have its slot by now
        there = [each for each in self._there.get(key, ()) if each.id not in self._claimed]
        if len(there) > 1:
            raise Lacking(record.fault("period", "entry.several"))
        if own is not None and not there:
            raise Lacking(record.fault("entry_id", "entry.gone"))
        return there[0] if there else None

    def _add(self, record: Record, draft: EntryDraft, named: Named) -> None:
        if record.values["status"] == CALLED_OFF:
            self.unchanged += 1
        elif denied := not_allowed(self._principal, Action.ENTRY_PLAN, named.school, record, "org_unit"):
            self.faults += denied
        elif len(self._drafts) >= MOST_NEW:
            self.faults.append(record.fault(None, "entry.too_many", most=MOST_NEW))
        else:
            self._drafts[record.row] = draft
            if record.values["status"] == PUBLISHED:
                self._published.add(record.row)

    def _groups_there(self, record: Record, key: Key) -> set[UUID]:
        own = self._by_id.get(record.values["entry_id"])
        there = [own] if own is not None else self._there.get(key, ())
        return {group for entry in there for group in entry.pupil_group_ids}

    def _compare(self, record: Record, present: TimetableEntry, draft: EntryDraft, named: Named) -> None:
        status = record.values["status"]
        before = _key_of(present)
        fixed = [
            column
            for column, name in (("term", "term_id"), ("first_day", "first_day"))
            if column in record.columns and getattr(before, name) != getattr(named.key, name)
        ]
        if status == DRAFT and present.published:
            self.faults.append(record.fault("status", "entry.published"))
            return
        if fixed:
            self.faults.append(record.fault(fixed[0], "entry.start_fixed"))
            return
        wanted = {} if status == CALLED_OFF else self._differing(record, present, draft, named)
        publish = status == PUBLISHED and not present.published
        change = Change(record, present.id, present.term_id, wanted, publish, status == CALLED_OFF)
        if not change.is_of_series and not publish:
            self.unchanged += 1
            self._same[record.row] = present
        elif denied := not_allowed(self._principal, Action.ENTRY_CHANGE, named.school, record, "org_unit"):
            self.faults += denied
        elif change.is_of_series and len(self.changes.of_series) >= MOST_CHANGED:
            self.faults.append(record.fault(None, "entry.too_many_changes", most=MOST_CHANGED))
        else:
            self.changes.all.append(change)

    def _differing(
        self, record: Record, present: TimetableEntry, draft: EntryDraft, named: Named
    ) -> dict[str, Any]:
        """What a row says otherwise of a lesson, as fields of a draft."""
        before = _key_of(present)
        there = {
            "teacher": present.teacher_id,
            "subject": present.subject,
            "title": present.title,
            "mode": present.mode,
            "sites": _rooms(present),
            "groups": self._names.groups_called(present.pupil_group_ids),
        }
        says = {
            **{column: getattr(draft, field) for column, field in _FIELDS.items()},
            "sites": set(draft.receiving_room_ids),
            "groups": self._names.groups_called(draft.pupil_group_ids),
        }
        if not named.says_title:
            says["title"] = present.title
        other = [column for column in _FIELDS if column in record.columns and there[column] != says[column]]
        moved = {
            name
            for column, names in _SLOT.items()
            if column in record.columns or column == "main_room"
            for name in names
            if any(getattr(before, each) != getattr(named.key, each) for each in names)
        }
        slot = {name: getattr(named.key, name) for name in moved}
        if "pattern" in slot:
            slot["week_pattern"] = slot.pop("pattern")
        return {_FIELDS[column]: getattr(draft, _FIELDS[column]) for column in other} | slot

    def judge(self) -> None:
        """Find out what would be in the way."""
        refused = dict(self.changes.plan(self._session))
        parts = dict(self.changes.parts)
        if self._drafts:
            planned = bulk.plan_all(self._session, self._principal, self._drafts, self._at.doing)
            self.plans = dict(planned.plans)
            refused |= planned.refused
            parts |= {row: [Part.of_new(plan)] for row, plan in planned.plans.items()}
        for row, error in refused.items():
            self.faults += entry_faults.of_refusal(self._records[row], error, self._names)
        booked = 0
        for row, each in sorted(parts.items()):
            booked += sum(len(part.bookings) for part in each)
            if booked > MOST_BOOKED:
                self.faults.append(self._records[row].fault(None, "entry.too_much"))
                return
            for part in each:
                if apart := entry_faults.of_bells(self._records[row], part.plan):
                    self.faults.append(apart)
        survey = bulk.obstacles_of(self._session, dict(sorted(parts.items())), self.changes.gone)
        unchanged = {entry.id: row for row, entry in self._same.items()}
        for row, obstacles in survey.obstacles.items():
            record, plan = self._records[row], parts[row][0].plan
            self.faults += entry_faults.of_obstacles(record, plan, obstacles, unchanged)
        if survey.unseen is not None:
            self.faults.append(self._records[survey.unseen].fault(None, "clash.too_many"))

    def remarks(self) -> tuple[Said, ...]:
        """A word about rows that may have been meant otherwise: as they were, though all of their lessons to come were
        called off; and new beside what looks like the same lesson."""
        off = bulk.entries_called_off(self._session, self._same.values(), self._principal.today)
        named = {
            "entry.called_off": [
                *(row for row, entry in self._same.items() if entry.id in off),
                *self.changes.of_none,
            ],
            "entry.beside": self._beside_others(),
        }
        return tuple(
            (code, {"number": len(rows), "first": min(rows)}) for code, rows in named.items() if rows
        )

    def _beside_others(self) -> list[int]:
        """New rows that differ in nothing but the slot from a lesson that is there, and that no row is about: whoever
        wrote them may have thought that the lesson moves."""
        others = {
            (
                entry.main_room_id,
                entry.teacher_id,
                entry.subject,
                _rooms(entry),
                frozenset(entry.pupil_group_ids),
            )
            for own, entry in self._by_id.items()
            if own not in self._seen
        }
        return [
            row
            for row, draft in self._drafts.items()
            if (draft.main_room_id, draft.teacher_id, draft.subject, frozenset(draft.receiving_room_ids),
                frozenset(draft.pupil_group_ids)) in others
        ]  # fmt: skip

    def carry_out(self, session: Session) -> None:
        """Change what is there, and put down what is new."""
        self.changes.make_all(session)
        published = {plan.entry.id for row, plan in self.plans.items() if row in self._published}
        bulk.put_down_all(session, self._principal, list(self.plans.values()), published, self._at.doing)


def _rooms(entry: TimetableEntry) -> frozenset[UUID]:
    return frozenset(site.receiving_room_id for site in entry.sites)


def _key_of(entry: TimetableEntry) -> Key:
    slot = entry.weekday, entry.period, entry.week_pattern, tuple(sorted(entry.weeks))
    return Key(entry.term_id, entry.main_room_id, *slot, entry.first_day, entry.last_day)


def plan(session: Session, principal: Principal, records: Sequence[Record], at: Importing) -> TablePlan:
    """What the rows would do to the county's timetable."""
    planning = _Planning(session, principal, records, at)
    for record in records:
        planning.take(record)
    planning.judge()
    bad = {fault.row for fault in planning.faults}
    return TablePlan(
        len(planning.plans.keys() - bad),
        sum(change.record.row not in bad for change in planning.changes.all),
        planning.unchanged,
        tuple(planning.faults),
        planning.carry_out,
        planning.remarks(),
    )
