"""Bodies of the requests and answers about terms, bells and the weekly timetable."""

from collections.abc import Sequence
from datetime import date, time
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, PlainSerializer, model_validator
from pydantic_core import PydanticCustomError

from app.pairings.schemas import Subject
from app.schemas import Day, Input, Name, Output, VersionedOutput, example, line
from app.timetables.models import Term
from app.timetables.planning import EntryDraft, SkipReason
from app.timetables.rules import Bell, LessonMode, week_of
from app.timetables.weeks import WeekPattern


def _whole_local_minute(clock: time) -> time:
    if clock.tzinfo is not None or clock.second or clock.microsecond:
        raise PydanticCustomError("clock_time", "A local time in whole minutes is needed, such as 08:00")
    return clock


ClockTime = Annotated[
    time,
    AfterValidator(_whole_local_minute),
    PlainSerializer(lambda clock: clock.strftime("%H:%M"), return_type=str),
]
ShortName = Annotated[str, line(100)]

_COUNTY = "0b1de0c2-51a5-4d1c-8a55-6f0d1c2b3a44"
_TERM = "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6"
_PERIODS = [
    {"number": 1, "starts_at": "08:00", "ends_at": "08:40"},
    {"number": 2, "starts_at": "08:50", "ends_at": "09:30"},
]
_ENTRY = {
    "term_id": _TERM,
    "main_room_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33",
    "teacher_id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22",
    "subject": "English",
    "title": "Grade 3 English · Unit 3: My family",
    "weekday": 1,
    "period": 2,
    "mode": "synchronous",
}
_ROOM = "a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55"


class PeriodIn(Input):
    """A numbered bell slot in local time."""

    number: int = Field(ge=1, le=99)
    starts_at: ClockTime
    ends_at: ClockTime = Field(description="00:00 is the midnight that ends the day")

    model_config = example(_PERIODS[0])


class PeriodOut(Output):
    """A numbered bell slot in local time."""

    number: int
    starts_at: ClockTime
    ends_at: ClockTime

    model_config = example(_PERIODS[0])


def bells(periods: Sequence[PeriodIn]) -> dict[int, Bell]:
    """Periods by number."""
    return {period.number: Bell(period.starts_at, period.ends_at) for period in periods}


def _numbered_once(periods: list[PeriodIn]) -> list[PeriodIn]:
    if len({period.number for period in periods}) < len(periods):
        raise PydanticCustomError("period_number_twice", "Each period needs a number of its own")
    return periods


Periods = Annotated[list[PeriodIn], AfterValidator(_numbered_once)]


def _each_once(weekdays: list[int]) -> list[int]:
    if len(set(weekdays)) < len(weekdays):
        raise PydanticCustomError("weekday_twice", "Name each weekday once")
    return sorted(weekdays)


Weekday = Annotated[int, Field(ge=1, le=7)]
Weekdays = Annotated[list[Weekday], Field(min_length=1, max_length=7), AfterValidator(_each_once)]


class NewTerm(Input):
    """A term to be opened in one's own county."""

    name: ShortName
    first_day: Day
    last_day: Day
    periods: Periods = Field(
        [],
        max_length=99,
        description="Bells of the county for the days of the term; schools may have their own",
    )
    weekdays: Weekdays = Field(
        [1, 2, 3, 4, 5], description="With lessons, unless the calendar says otherwise; Monday is 1"
    )

    model_config = example(
        {"name": "2026 秋 Autumn", "first_day": "2026-09-01", "last_day": "2027-01-22", "periods": _PERIODS}
    )


class TermPatch(Input):
    """What changes of a term; what is not given stays."""

    name: ShortName | None = None
    first_day: Day | None = None
    last_day: Day | None = None
    weekdays: Weekdays | None = Field(None, description="With lessons, all of them")

    model_config = example({"last_day": "2027-01-29"})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.fields():
            raise PydanticCustomError("nothing_to_change", "Give at least one field")
        return self

    def fields(self) -> dict[str, Any]:
        """The fields of a draft that are given."""
        given = self.model_dump(exclude_none=True)
        if self.weekdays is not None:
            given["weekdays"] = frozenset(self.weekdays)
        return given


class TermOut(VersionedOutput):
    """A term of the county."""

    id: UUID
    county_id: UUID
    name: str
    first_day: date
    last_day: date
    weeks: int = Field(description="Number of weeks, Monday to Sunday; week 1 has the first day in it")
    weekdays: list[int] = Field(description="With lessons, unless the calendar says otherwise; Monday is 1")

    model_config = example(
        {
            "id": _TERM,
            "version": 1,
            "county_id": _COUNTY,
            "name": "2026 秋 Autumn",
            "first_day": "2026-09-01",
            "last_day": "2027-01-22",
            "weeks": 21,
            "weekdays": [1, 2, 3, 4, 5],
        }
    )

    @classmethod
    def of(cls, term: Term) -> Self:
        weeks = week_of(term.first_day, term.last_day)
        return cls(
            id=term.id,
            version=term.version,
            county_id=term.county_id,
            name=term.name,
            first_day=term.first_day,
            last_day=term.last_day,
            weeks=weeks,
            weekdays=term.weekdays,
        )


_BELLS = {
    "org_unit_id": "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11",
    "name": "冬季 Winter",
    "valid_from": "2026-10-08",
    "valid_to": "2027-01-22",
    "periods": _PERIODS,
}


class NewBellSchedule(Input):
    """Bells to be put in force at an org unit and at all units below it that have none of their own."""

    org_unit_id: UUID
    name: ShortName
    valid_from: Day
    valid_to: Day = Field(description="Last day")
    periods: Periods = Field(min_length=1, max_length=99)
    cut_others: bool = Field(
        False,
        description="The unit's other schedules give up these days: they end earlier, begin later, are split or go. "
        "One that rings already keeps the days that are over; when there are none left to it, 409 `bells.begun`",
    )

    model_config = example(_BELLS)


class BellPatch(Input):
    """What changes of a bell schedule; what is not given stays."""

    name: ShortName | None = None
    valid_from: Day | None = None
    valid_to: Day | None = Field(None, description="Last day")
    periods: Periods | None = Field(None, min_length=1, max_length=99, description="All of them")

    model_config = example({"valid_to": "2026-10-07"})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.fields():
            raise PydanticCustomError("nothing_to_change", "Give at least one field")
        return self

    def fields(self) -> dict[str, Any]:
        """The fields of a draft that are given."""
        given = {name: getattr(self, name) for name in ("name", "valid_from", "valid_to")}
        given["periods"] = None if self.periods is None else bells(self.periods)
        return {name: value for name, value in given.items() if value is not None}


class BellCopy(BellPatch):
    """Where and when a schedule's periods are to be in force as well."""

    org_unit_id: UUID | None = Field(None, description="The same unit unless given")
    cut_others: bool = Field(False, description="As for a new schedule")

    model_config = example({"name": "冬季 Winter", "valid_from": "2027-10-08", "valid_to": "2028-01-21"})

    def fields(self) -> dict[str, Any]:
        unit = {} if self.org_unit_id is None else {"org_unit_id": self.org_unit_id}
        return super().fields() | unit


class BellScheduleOut(VersionedOutput):
    """The bells of an org unit."""

    id: UUID
    org_unit_id: UUID
    name: str
    valid_from: date
    valid_to: date
    periods: list[PeriodOut]

    model_config = example({"id": "e7b1c2d3-4e5f-4061-8273-8495a6b7c8d9", "version": 1, **_BELLS})


WeekNumbers = Annotated[list[Annotated[int, Field(ge=1, le=60)]], Field(max_length=60)]


class EntryIn(Input):
    """A weekly lesson, for the whole term unless days or weeks are given."""

    term_id: UUID
    main_room_id: UUID
    teacher_id: UUID
    receiving_room_ids: list[UUID] = Field(
        min_length=1, max_length=500, description="Each needs an active pairing with the main room"
    )
    subject: Subject
    title: Name
    weekday: int = Field(ge=1, le=7, description="Monday is 1, Sunday is 7")
    period: int = Field(ge=1, le=99, description="A number of the main school's bells")
    mode: LessonMode = LessonMode.SYNCHRONOUS
    first_day: Day | None = Field(None, description="Instead of weeks: no lessons before this day")
    last_day: Day | None = Field(None, description="Instead of weeks: no lessons after this day")
    first_week: int | None = Field(None, ge=1, le=60, description="Instead of days: a week of the term")
    last_week: int | None = Field(None, ge=1, le=60, description="Instead of days: a week of the term")
    week_pattern: WeekPattern = Field(
        WeekPattern.EVERY,
        description="In which weeks of the term; a make-up day counts to the week it lies in",
    )
    weeks: WeekNumbers = Field([], description="The weeks of the term, with the pattern `listed`")
    pupil_group_ids: list[UUID] = Field(
        [],
        max_length=500,
        description="Who is taught: groups of the main school (not in dedicated lessons) and of the sites",
    )

    model_config = example({**_ENTRY, "receiving_room_ids": [_ROOM], "first_week": 1, "last_week": 16})

    @model_validator(mode="after")
    def _days_or_weeks(self) -> Self:
        by_day = self.first_day is not None or self.last_day is not None
        by_week = self.first_week is not None or self.last_week is not None
        if by_day and by_week:
            raise PydanticCustomError("days_and_weeks", "Give days or weeks, not both")
        if (self.week_pattern is WeekPattern.LISTED) != bool(self.weeks):
            raise PydanticCustomError(
                "weeks_listed", "List weeks with the pattern `listed`, and only with it"
            )
        return self

    def draft(self) -> EntryDraft:
        """What the planner takes."""
        wanted = self.model_dump(exclude={"publish"})
        for name in ("receiving_room_ids", "pupil_group_ids", "weeks"):
            wanted[name] = tuple(dict.fromkeys(wanted[name]))
        return EntryDraft(**wanted)


class NewTimetableEntry(EntryIn):
    """A weekly lesson, for the whole term unless days or weeks are given."""

    publish: bool = Field(True, description="Or keep it a draft that only planners see")


class EntrySiteOut(Output):
    """A receiving room of an entry."""

    receiving_room_id: UUID
    pairing_id: UUID

    model_config = example({"receiving_room_id": _ROOM, "pairing_id": "c3b7f3a0-1f0e-4b0a-9a57-2f4c6d8e9f66"})


_ENTRY_OUT = {
    "id": "16f7a8b9-0c1d-4e2f-9304-15263748596a",
    "version": 2,
    **_ENTRY,
    "first_day": "2026-09-01",
    "last_day": "2026-12-20",
    "week_pattern": "odd",
    "weeks": [],
    "published": True,
    "pupil_group_ids": ["0a9b8c7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d"],
    "sites": [{"receiving_room_id": _ROOM, "pairing_id": "c3b7f3a0-1f0e-4b0a-9a57-2f4c6d8e9f66"}],
}


class TimetableEntryOut(VersionedOutput):
    """A weekly lesson."""

    id: UUID
    term_id: UUID
    main_room_id: UUID
    teacher_id: UUID
    subject: str
    title: str
    weekday: int
    period: int
    mode: LessonMode
    first_day: date
    last_day: date
    week_pattern: WeekPattern
    weeks: list[int]
    published: bool
    pupil_group_ids: list[UUID]
    sites: list[EntrySiteOut]

    model_config = example(_ENTRY_OUT)


class SkippedOut(Output):
    """A day of the pattern that got no lesson."""

    date: date
    reason: SkipReason

    model_config = example({"date": "2026-09-07", "reason": "past"})


class ScheduledEntryOut(TimetableEntryOut):
    """A weekly lesson just planned."""

    lessons: int = Field(description="How many dated lessons were created")
    skipped: list[SkippedOut] = Field(description="Days of the pattern that got none, and why")

    model_config = example(
        {**_ENTRY_OUT, "lessons": 15, "skipped": [{"date": "2026-09-07", "reason": "past"}]}
    )
