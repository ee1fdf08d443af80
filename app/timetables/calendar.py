"""Which weekday's timetable a date follows: pure rules of the school calendar.

A term names the weekdays it teaches on, Monday to Friday unless said otherwise. Single days of the county differ: a
*holiday* has no lessons, a *make-up day* follows the timetable of another weekday, a *school day* its own weekday's,
even on a Saturday.

Weeks of a term are counted from the Monday of the week its first day lies in. A make-up day belongs to the week it
lies in, not to the week of the day it makes up for: what is taught in odd weeks is taught on a make-up day of an odd
week. A Sunday is the last day of its week.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

MONDAY_TO_FRIDAY = frozenset(range(1, 6))
EVERY_DAY = frozenset(range(1, 8))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class DayKind(StrEnum):
    """What sort of day it is for the schools of a county."""

    SCHOOL_DAY = "school_day"
    HOLIDAY = "holiday"
    MAKE_UP_DAY = "make_up_day"


class Trouble(StrEnum):
    """Why a day cannot be what somebody wants it to be."""

    FOLLOWS_NOTHING = "follows_nothing"
    FOLLOWS_WITHOUT_NEED = "follows_without_need"
    FOLLOWS_ITSELF = "follows_itself"
    FOLLOWS_A_FREE_DAY = "follows_a_free_day"
    OUTSIDE_TERMS = "outside_terms"


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """What differs on one day; `follows_weekday` (Monday is 1) is for make-up days only."""

    kind: DayKind
    follows_weekday: int | None = None


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """The days of one term: the weekdays it teaches on, and the single days that differ."""

    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    days: Mapping[date, SpecialDay] = field(default_factory=dict)

    def weekday_taught(self, day: date) -> int | None:
        """The weekday whose timetable a day follows; None: it has no lessons."""
        special = self.days.get(day)
        if special is None:
            weekday = day.isoweekday()
            return weekday if weekday in self.weekdays else None
        match special.kind:
            case DayKind.HOLIDAY:
                return None
            case DayKind.MAKE_UP_DAY:
                return special.follows_weekday
            case DayKind.SCHOOL_DAY:
                return day.isoweekday()

    def days_taught(self, weekday: int, first_day: date, last_day: date) -> list[date]:
        """Every day, both ends included, that follows the timetable of this weekday; in order."""
        return [day for day in days_between(first_day, last_day) if self.weekday_taught(day) == weekday]


def trouble_with(day: date, wanted: SpecialDay, term_weekdays: frozenset[int] | None) -> Trouble | None:
    """What is wrong with making a day special; None when nothing is.

    `term_weekdays` are the teaching weekdays of the term the day lies in; None: it lies in no term.
    """
    followed = wanted.follows_weekday
    if wanted.kind is not DayKind.MAKE_UP_DAY:
        return None if followed is None else Trouble.FOLLOWS_WITHOUT_NEED
    if followed is None:
        return Trouble.FOLLOWS_NOTHING
    if followed == day.isoweekday():
        return Trouble.FOLLOWS_ITSELF
    if term_weekdays is None:
        return Trouble.OUTSIDE_TERMS
    return None if followed in term_weekdays else Trouble.FOLLOWS_A_FREE_DAY


def days_between(first_day: date, last_day: date) -> Iterable[date]:
    """All days from the first through the last."""
    return (first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1))
