"""The school calendar as a table: one row a day that differs from what its weekday says, known by its date.

Other days stay as they are; a row may say that a day is like any other again. Planned lessons stand on days, and the
timetable may have lessons on days that become school days: these are in the way unless lessons shall follow.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.lessons import calendar_changes
from app.timetables import special_days
from app.timetables.calendar import DayKind, SpecialDay
from app.timetables.calendar_schemas import SpecialDayIn
from app.timetables.models import CalendarDay
from app.timetables.special_days import DayDraft
from app.transfer.columns import Column, Fault, Record, Value, Words, as_day, as_text, as_word, plain, word_of
from app.transfer.plans import HasToBeTried, Importing, Plan, Said, checked, planned, refused
from app.transfer.weekly import as_weekday, weekday_in

AS_USUAL: Final = "as_usual"
KINDS_OF_DAYS: Words = {
    DayKind.HOLIDAY.value: ("放假", "holiday"),
    DayKind.MAKE_UP_DAY.value: ("调休上课", "make-up day"),
    DayKind.SCHOOL_DAY.value: ("上课", "school day"),
    AS_USUAL: ("照常", "as usual"),
}
COLUMNS = (
    Column("date", ("日期", "Date"), ("每个日期一行", "One row a day"), as_day, required=True),
    Column("kind", ("类型", "Kind"),
           ("放假、调休上课、上课（如星期六也上课）；照常表示不再特殊",
            "holiday, make-up day, school day (on a Saturday, say); as usual: like any other again"),
           as_word(KINDS_OF_DAYS), word_of(KINDS_OF_DAYS), required=True),
    Column("follows_weekday", ("按星期几上课", "Follows"),
           ("调休上课时必填，如 星期三", "Of a make-up day, whose timetable: such as Wednesday"), as_weekday,
           weekday_in),
    Column("name", ("名称", "Name"), ("如 国庆节", "Such as National Day"), as_text, width=24),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Value]] = (
    (date(2026, 10, 1), "holiday", None, "国庆节"),
    (date(2026, 10, 10), "make_up_day", 3, "国庆节调休"),
)
MOST_CHANGED: Final = 400
"""Days that one file may change, as many as one request: a county has some thirty a year."""
_ALL: Final = 100_000
_COLUMN_OF: Final = {"calendar.outside_terms": "date"}
"""The column of what is wrong with a day, where it is another one than the weekday that it follows."""


class _Planning:
    """The county's calendar as it is, and what the rows would make of it."""

    def __init__(
        self, session: Session, principal: Principal, records: Sequence[Record], at: Importing
    ) -> None:
        self._session, self._principal, self._at = session, principal, at
        days = [record.values["date"] for record in records]
        there = _days(session, principal, min(days), max(days)) if days else []
        self._there = {each.date: each for each in there}
        self._rows: dict[date, Record] = {}
        self.days: dict[date, DayDraft | None] = {}
        """What days are to be that are something else; None: like any other."""
        self.created = self.changed = self.unchanged = 0
        self.faults: list[Fault] = []
        self.remarks: list[Said] = []

    def take(self, record: Record) -> None:
        """Decide about one row."""
        values, day = record.values, record.values["date"]
        if (first := self._rows.setdefault(day, record)) is not record:
            self.faults.append(record.fault("date", "row.twice", first=first.row))
            return
        present = self._there.get(day)
        wanted = None
        if values["kind"] != AS_USUAL:
            said = {name: values[name] for name in ("date", "kind", "follows_weekday", "name")}
            new = checked(SpecialDayIn, record, {}, **said)
            if isinstance(new, list):
                self.faults += new
                return
            name = new.name if "name" in record.columns or present is None else present.name
            wanted = DayDraft(SpecialDay(new.kind, new.follows_weekday), name)
        if wanted == _draft_of(present):
            self.unchanged += 1
        elif len(self.days) >= MOST_CHANGED:
            self.faults.append(record.fault(None, "calendar.too_many", most=MOST_CHANGED))
        else:
            self.created += present is None
            self.changed += present is not None
            self.days[day] = wanted

    def judge(self) -> None:
        """Find out what each day cannot be, and what becomes of lessons."""
        wanted = {day: draft.wanted if draft else None for day, draft in self.days.items()}
        troubles = special_days.troubles(self._session, self._principal.county_id, wanted)
        for day, error in troubles.items():
            column = _COLUMN_OF.get(error.code, "follows_weekday")
            self.faults.append(refused(self._rows[day], column, error))
        if self.faults or not self.days:
            return
        effects = calendar_changes.effects_of(self._session, self._principal, self.days)
        held = calendar_changes.held(effects, self._at.doing)
        self._tell("calendar.held", ((each.date, each.title) for each in held))
        if not self._at.follow:
            falling = (each for each in effects.falling if each not in held)
            self._tell("calendar.falling", ((each.date, each.title) for each in falling))
            self._tell("calendar.missing", ((day, entry.title) for day, entry in effects.missing))
        elif not held and (effects.falling or effects.missing):
            self._follow()

    def _follow(self) -> None:
        if not self._at.may_try:
            raise HasToBeTried
        effects, unplanned = calendar_changes.try_days(
            self._session, self._principal, self.days, self._at.doing
        )
        counts = {"falling": len(effects.falling), "added": len(effects.missing) - len(unplanned)}
        self.remarks.append(("calendar.follow", counts))
        if unplanned:
            first = unplanned[0]
            facts: dict[str, int | str] = {
                "count": len(unplanned),
                "day": str(first.day),
                "title": first.entry.title,
            }
            self.remarks.append(("calendar.not_added", facts))

    def _tell(self, code: str, lessons: Iterable[tuple[date, str]]) -> None:
        """One fault for each day, with its first lesson."""
        by_day: Mapping[date, list[str]] = defaultdict(list)
        for day, title in lessons:
            by_day[day].append(title)
        for day, titles in by_day.items():
            self.faults.append(self._rows[day].fault("kind", code, count=len(titles), title=titles[0]))

    def carry_out(self, session: Session) -> None:
        """Mark all of them as one act."""
        if self.days:
            follow = self._at.follow
            calendar_changes.mark_days(session, self._principal, self.days, self._at.doing, follow=follow)


def _draft_of(day: CalendarDay | None) -> DayDraft | None:
    if day is None:
        return None
    return DayDraft(SpecialDay(day.kind, day.follows_weekday), plain(day.name or "") or None)


def _days(session: Session, principal: Principal, first: date, last: date) -> Sequence[CalendarDay]:
    found, _ = special_days.list_days(session, principal.county_id, first, last, _ALL)
    return found


def plan(session: Session, principal: Principal, records: Sequence[Record], at: Importing) -> Plan:
    """What the rows would do to the county's calendar. Raises `HasToBeTried`."""
    return planned(_Planning(session, principal, records, at), records)


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """The county's special days, in order."""
    return [
        (day.date, day.kind.value, day.follows_weekday, day.name)
        for day in _days(session, principal, date.min, date.max)
    ]
