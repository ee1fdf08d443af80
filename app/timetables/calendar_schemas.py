"""Bodies of the requests and answers about the school calendar."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.schemas import Day, Input, Output, VersionedOutput, example, line
from app.timetables.calendar import DayKind, SpecialDay
from app.timetables.public_holidays import ProposedDay
from app.timetables.special_days import DayDraft, TermDays

_MAKE_UP = {"date": "2026-10-10", "kind": "make_up_day", "follows_weekday": 3, "name": "国庆节调休"}
_HOLIDAY = {"date": "2026-10-01", "kind": "holiday", "follows_weekday": None, "name": "国庆节"}
DayName = Annotated[str, line(100)]


class SpecialDayIn(Input):
    """A day that differs from what its weekday says."""

    date: Day
    kind: DayKind
    follows_weekday: int | None = Field(
        None, ge=1, le=7, description="Of a make-up day: whose timetable it follows; Monday is 1"
    )
    name: DayName | None = None

    model_config = example(_MAKE_UP)


class SpecialDayOut(Output):
    """A day that differs from what its weekday says."""

    date: date
    kind: DayKind
    follows_weekday: int | None
    name: str | None

    model_config = example(_HOLIDAY)

    @classmethod
    def proposed(cls, day: ProposedDay) -> Self:
        wanted = day.wanted
        return cls(date=day.date, kind=wanted.kind, follows_weekday=wanted.follows_weekday, name=day.name)


def _each_day_once(days: list[SpecialDayIn]) -> list[SpecialDayIn]:
    if len({day.date for day in days}) < len(days):
        raise PydanticCustomError("day_twice", "Name each day once")
    return days


class MarkedDays(Input):
    """Days to be marked, all or none; other days stay as they are."""

    days: Annotated[list[SpecialDayIn], AfterValidator(_each_day_once)] = Field([], max_length=400)
    unmark: list[Day] = Field([], max_length=400, description="Days that become like any other again")

    model_config = example({"days": [_HOLIDAY, _MAKE_UP]})

    @model_validator(mode="after")
    def _something_once(self) -> "MarkedDays":
        named = [day.date for day in self.days] + self.unmark
        if not named:
            raise PydanticCustomError("no_days", "Name at least one day")
        if len(set(named)) < len(named):
            raise PydanticCustomError("day_twice", "Name each day once")
        return self

    def drafts(self) -> Mapping[date, DayDraft | None]:
        plain: dict[date, DayDraft | None] = dict.fromkeys(self.unmark)
        marked = {
            day.date: DayDraft(SpecialDay(day.kind, day.follows_weekday), day.name) for day in self.days
        }
        return plain | marked


class SpecialDays(Output):
    """Days that differ from what their weekdays say."""

    days: list[SpecialDayOut]

    model_config = example({"days": [_HOLIDAY, _MAKE_UP]})


class TermDayOut(Output):
    """One day of a term."""

    date: date
    week: int = Field(description="Of the term, from Monday to Sunday; a make-up day counts where it lies")
    weekday_taught: int | None = Field(description="Whose timetable it follows; null: no lessons")
    special: SpecialDayOut | None

    model_config = example({"date": "2026-10-10", "week": 6, "weekday_taught": 3, "special": _MAKE_UP})


class TermCalendar(VersionedOutput):
    """Every day of a term."""

    days: list[TermDayOut]

    model_config = example(
        {"version": 1, "days": [{"date": "2026-10-10", "week": 6, "weekday_taught": 3, "special": _MAKE_UP}]}
    )

    @classmethod
    def of(cls, found: TermDays) -> Self:
        return cls(version=found.version, days=[TermDayOut.model_validate(day) for day in found.days])
