"""The weekly timetable as a table: one row a weekly lesson, known by its term, main classroom, slot, weeks and days.

New rows are planned together (`app.lessons.bulk`); rows about lessons that are there change them as their page does.
What a change of a series comes to is known by making it, so a file with changes is tried in a transaction that is taken
back.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.errors import AppError
from app.lessons import bulk, publishing, series
from app.lessons.publishing import Selection
from app.lessons.series import Scope
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft, Plan
from app.timetables.schemas import NewTimetableEntry
from app.transfer import entry_faults
from app.transfer.columns import Fault, Record
from app.transfer.entry_columns import COLUMNS as COLUMNS
from app.transfer.entry_columns import DRAFT, PUBLISHED
from app.transfer.entry_columns import EXAMPLES as EXAMPLES
from app.transfer.entry_names import Key, Named, Names
from app.transfer.entry_names import rows as rows
from app.transfer.plans import HasToBeTried, Importing, checked, not_allowed
from app.transfer.plans import Plan as TablePlan
from app.transfer.references import Lacking

MOST_NEW: Final = 2000
"""Weekly lessons that one file may add: a county has some 700."""
MOST_CHANGED: Final = 100
"""Those that it may change: each is a change of a series, with all that follows."""
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
_RENAMED: Final = {
    **{field: column for column, field in _FIELDS.items()},
    "term_id": "term",
    "main_room_id": "main_room",
    "week_pattern": "weeks",
    "": "weeks",
}


@dataclass(frozen=True, slots=True)
class _Change:
    """A row about a lesson that is there, and is not as the row says."""

    record: Record
    entry_id: UUID
    term_id: UUID
    wanted: dict[str, Any]
    publish: bool


class _Planning:
    """The county's timetable as it is, and what the rows would make of it."""

    def __init__(
        self, session: Session, principal: Principal, records: Sequence[Record], at: Importing
    ) -> None:
        self._session, self._principal, self._at = session, principal, at
        self._names = Names.read(session, principal)
        self._records = {record.row: record for record in records}
        self._seen: dict[Key, int] = {}
        self._drafts: dict[int, EntryDraft] = {}
        self._published: set[int] = set()
        self.plans: dict[int, Plan] = {}
        self.changes: list[_Change] = []
        self.unchanged = 0
        self.faults: list[Fault] = []
        terms = [term for record in records if (term := self._names.terms.find(record.values["term"]))]
        first, last = (
            min((t.first_day for t in terms), default=None),
            max((t.last_day for t in terms), default=None),
        )
        self._there: dict[Key, list[TimetableEntry]] = defaultdict(list)
        if first and last:
            for entry in bulk.entries_taking_place(session, principal.county_id, first, last):
                self._there[_key_of(entry)].append(entry)

    def take(self, record: Record) -> None:
        """See what a row is about."""
        try:
            named = self._names.of(record, self._groups_there)
        except Lacking as error:
            self.faults.append(error.fault)
            return
        new = checked(NewTimetableEntry, record, {}, _RENAMED, **named.fields)
        if isinstance(new, list):
            self.faults += new
            return
        draft = new.draft()
        key = named.key
        if (first := self._seen.setdefault(key, record.row)) != record.row:
            self.faults.append(record.fault("period", "row.twice", first=first))
        elif len(present := self._there.get(key, ())) > 1:
            self.faults.append(record.fault("period", "entry.several"))
        elif present:
            self._compare(record, present[0], draft, named)
        elif denied := not_allowed(self._principal, Action.ENTRY_PLAN, named.school, record, "org_unit"):
            self.faults += denied
        elif len(self._drafts) >= MOST_NEW:
            self.faults.append(record.fault(None, "entry.too_many", most=MOST_NEW))
        else:
            self._drafts[record.row] = draft
            if record.values["status"] == PUBLISHED:
                self._published.add(record.row)

    def _groups_there(self, key: Key) -> set[UUID]:
        return {group for entry in self._there.get(key, ()) for group in entry.pupil_group_ids}

    def _compare(self, record: Record, present: TimetableEntry, draft: EntryDraft, named: Named) -> None:
        there = {
            "teacher": present.teacher_id,
            "subject": present.subject,
            "title": present.title,
            "mode": present.mode,
            "sites": {site.receiving_room_id for site in present.sites},
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
        status = record.values["status"]
        if status == DRAFT and present.published:
            self.faults.append(record.fault("status", "entry.published"))
            return
        publish = status == PUBLISHED and not present.published
        if not other and not publish:
            self.unchanged += 1
        elif denied := not_allowed(self._principal, Action.ENTRY_CHANGE, named.school, record, "org_unit"):
            self.faults += denied
        elif len(self.changes) >= MOST_CHANGED:
            self.faults.append(record.fault(None, "entry.too_many_changes", most=MOST_CHANGED))
        else:
            wanted = {_FIELDS[column]: getattr(draft, _FIELDS[column]) for column in other}
            self.changes.append(_Change(record, present.id, present.term_id, wanted, publish))

    def judge(self) -> None:
        """Find out what would be in the way."""
        if self.changes and not self._at.may_try:
            raise HasToBeTried
        with audit.trial(self._session) if self.changes else nullcontext():
            for change in self.changes:
                try:
                    with self._session.begin_nested():
                        self._change(change)
                except AppError as error:
                    self.faults += entry_faults.of_refusal(change.record, error, self._names)
            self._plan_new()

    def _change(self, change: _Change) -> None:
        session, doing = self._session, self._at.doing
        if change.wanted:
            series.change_entry(
                session, self._principal, change.entry_id, Scope.ALL, None, change.wanted, doing
            )
        if change.publish:
            selection = Selection(change.term_id, entry_ids=frozenset({change.entry_id}))
            publishing.publish(session, self._principal, selection, doing)

    def _plan_new(self) -> None:
        if not self._drafts:
            return
        planned = bulk.plan_all(self._session, self._principal, self._drafts, self._at.doing)
        for row, error in planned.refused.items():
            self.faults += entry_faults.of_refusal(self._records[row], error, self._names)
        booked = 0
        for row, plan in planned.plans.items():
            booked += len(plan.occurrences) * (2 + len(plan.sites) + len(plan.groups))
            if booked > MOST_BOOKED:
                self.faults.append(self._records[row].fault(None, "entry.too_much"))
                return
            if apart := entry_faults.of_bells(self._records[row], plan):
                self.faults.append(apart)
        survey = bulk.obstacles_of(self._session, planned.plans)
        for row, obstacles in survey.obstacles.items():
            self.faults += entry_faults.of_obstacles(self._records[row], planned.plans[row], obstacles)
        if survey.unseen is not None:
            self.faults.append(self._records[survey.unseen].fault(None, "clash.too_many"))
        self.plans = dict(planned.plans)

    def carry_out(self, session: Session) -> None:
        """Change what is there, and put down what is new."""
        for change in self.changes:
            self._change(change)
        published = {plan.entry.id for row, plan in self.plans.items() if row in self._published}
        bulk.put_down_all(session, self._principal, list(self.plans.values()), published, self._at.doing)


def _key_of(entry: TimetableEntry) -> Key:
    slot = entry.weekday, entry.period, entry.week_pattern, tuple(sorted(entry.weeks))
    return Key(entry.term_id, entry.main_room_id, *slot, entry.first_day, entry.last_day)


def plan(session: Session, principal: Principal, records: Sequence[Record], at: Importing) -> TablePlan:
    """What the rows would do to the county's timetable. Raises `HasToBeTried`."""
    planning = _Planning(session, principal, records, at)
    for record in records:
        planning.take(record)
    planning.judge()
    bad = {fault.row for fault in planning.faults}
    return TablePlan(
        len(planning.plans.keys() - bad),
        sum(change.record.row not in bad for change in planning.changes),
        planning.unchanged,
        tuple(planning.faults),
        planning.carry_out,
    )
