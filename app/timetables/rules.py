"""From a weekly timetable entry to dated lessons: pure rules of calendar and bells.

Bells are local wall-clock times; lessons are half-open intervals of UTC. One definition carries
everything: *a bell rings at the first moment of its day at which the wall clock shows the bell's time or
later*. In a gap (clocks go forward) that is the moment of the jump; in a fold (clocks go back) it is the
first of the two readings. Because that mapping never runs backwards, periods that do not overlap on the
wall clock do not overlap in UTC either, on any day of any zone. A period that lies wholly inside a gap has
no length that day; it is skipped and reported.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from app.timetables.weeks import EVERY_WEEK, Weeks

MIDNIGHT = time(0, 0)


Taught = Callable[[date], int | None]
"""Which weekday's timetable (Monday is 1) a day follows; None: nobody is taught."""


class LessonMode(StrEnum):
    """How a lesson is taught."""

    SYNCHRONOUS = "synchronous"  # the class in the main room is taught too
    DEDICATED = "dedicated"  # only the teaching sites are taught
    EVENT = "event"  # a visit, a salon, a training day


class Interval(NamedTuple):
    """A half-open span of UTC: the start belongs to it, the end does not. A tuple: terms sort thousands of them."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, other: "Interval") -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True, order=True)
class Bell:
    """Start and end of one period on the wall clock; an end of 00:00 is the midnight that ends the day."""

    starts_at: time
    ends_at: time

    @property
    def minutes(self) -> int:
        """Its length on an ordinary day; zero or less for a period that ends before it starts."""
        return _end_minute(self.ends_at) - _minute(self.starts_at)

    def fits(self, period: "Bell", skew: timedelta) -> bool:
        """Whether a period elsewhere covers a lesson in this one, all but `skew` of its length, on an ordinary day."""
        starts = max(_minute(self.starts_at), _minute(period.starts_at))
        ends = min(_end_minute(self.ends_at), _end_minute(period.ends_at))
        return timedelta(minutes=ends - starts) >= timedelta(minutes=self.minutes) - skew


@dataclass(frozen=True, slots=True)
class BellTimes:
    """The periods in force at one org unit from one day through another."""

    valid_from: date
    valid_to: date
    periods: Mapping[int, Bell]


@dataclass(frozen=True, slots=True)
class WeeklySlot:
    """The when of a timetable entry: a weekday (Monday is 1) and a period, from one day through another.

    Weeks count from the one that `term_first_day` lies in; without it from that of the first day.
    """

    weekday: int
    period: int
    first_day: date
    last_day: date
    weeks: Weeks = EVERY_WEEK
    term_first_day: date | None = None

    def has(self, day: date, taught: Taught = date.isoweekday) -> bool:
        """Whether the pattern gives a lesson on this day. A make-up day counts to the week it lies in."""
        return self.first_day <= day <= self.last_day and taught(day) == self.weekday and self.in_week_of(day)

    def in_week_of(self, day: date) -> bool:
        """Whether the pattern has a lesson in the week this day lies in."""
        return self.weeks.include(week_of(self.term_first_day or self.first_day, day))

    def days(self, taught: Taught = date.isoweekday) -> list[date]:
        """Every day of the pattern."""
        ordinals = range(self.first_day.toordinal(), self.last_day.toordinal() + 1)
        return [day for day in map(date.fromordinal, ordinals) if self.has(day, taught)]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One dated lesson of a weekly slot."""

    day: date
    interval: Interval


@dataclass(frozen=True, slots=True)
class Expansion:
    """The lessons of a slot, and the days on which the clocks jump over the whole period."""

    occurrences: tuple[Occurrence, ...]
    swallowed: tuple[date, ...]


class NoBells(Exception):
    """No bell schedule is in force on a day of the slot."""

    def __init__(self, day: date) -> None:
        super().__init__(f"no bell schedule is in force on {day}")
        self.day = day


class UnknownPeriod(Exception):
    """The bell schedule in force on a day of the slot has no such period."""

    def __init__(self, day: date, period: int, known: Iterable[int]) -> None:
        self.day, self.period, self.known = day, period, tuple(sorted(known))
        super().__init__(f"no period {period} on {day}")


def ring(day: date, bell: time, zone: tzinfo) -> datetime:
    """The UTC moment at which a wall-clock bell rings on a day."""
    wall = datetime.combine(day, bell)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # The wall clock never shows this time. PEP 495: read with the offset before the jump (fold 0) it lies
    # behind the jump, read with the offset after it (fold 1) before the jump.
    return _first_moment_after_jump(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment, zone)


def lesson_interval(day: date, bell: Bell, zone: tzinfo) -> Interval | None:
    """The UTC interval of a period on a day, or None when the clocks jump over all of it."""
    ends_on = day + timedelta(days=1) if bell.ends_at == MIDNIGHT else day
    interval = Interval(ring(day, bell.starts_at, zone), ring(ends_on, bell.ends_at, zone))
    return interval if interval.starts_at < interval.ends_at else None


def expand(
    slot: WeeklySlot,
    nearest_first: Sequence[Sequence[BellTimes]],
    zone: tzinfo,
    taught: Taught = date.isoweekday,
) -> Expansion:
    """The dated lessons of a weekly slot over a calendar. Raises what `lessons_on` raises."""
    return lessons_on(slot.days(taught), slot.period, nearest_first, zone)


def lessons_on(
    days: Iterable[date], period: int, nearest_first: Sequence[Sequence[BellTimes]], zone: tzinfo
) -> Expansion:
    """The lessons of one period on some days.

    `nearest_first` holds the bell schedules of the school's own org unit, then of its parents; on each day
    the nearest unit that has a schedule in force decides. Raises NoBells or UnknownPeriod.
    """
    occurrences: list[Occurrence] = []
    swallowed: list[date] = []
    for day in days:
        periods = periods_on(day, nearest_first)
        if period not in periods:
            raise UnknownPeriod(day, period, periods)
        interval = lesson_interval(day, periods[period], zone)
        if interval is None:
            swallowed.append(day)
        else:
            occurrences.append(Occurrence(day, interval))
    return Expansion(tuple(occurrences), tuple(swallowed))


def meets(lesson: Interval, periods: Iterable[Interval], skew: timedelta) -> bool:
    """Whether one of a site's periods covers a lesson, all but `skew` of its length."""
    least = lesson.ends_at - lesson.starts_at - skew
    return any(
        min(lesson.ends_at, each.ends_at) - max(lesson.starts_at, each.starts_at) >= least for each in periods
    )


def week_span(term_first_day: date, week: int) -> tuple[date, date]:
    """Monday and Sunday of a term's week; week 1 is the one the term's first day lies in."""
    monday = term_first_day - timedelta(days=term_first_day.isoweekday() - 1)
    monday += timedelta(weeks=week - 1)
    return monday, monday + timedelta(days=6)


def week_of(term_first_day: date, day: date) -> int:
    """The number of the term's week a day lies in."""
    monday, _ = week_span(term_first_day, 1)
    return (day - monday).days // 7 + 1


def days_left(span: tuple[date, date], taken: tuple[date, date]) -> list[tuple[date, date]]:
    """What is left of a span of days when another one takes its days from it: two pieces at most, in order."""
    before = (span[0], min(span[1], taken[0] - timedelta(days=1)))
    after = (max(span[0], taken[1] + timedelta(days=1)), span[1])
    return [piece for piece in (before, after) if piece[0] <= piece[1]]


def overlapping_periods(periods: Mapping[int, Bell]) -> tuple[int, int] | None:
    """Two period numbers whose bells overlap, or None."""
    ordered = sorted(periods.items(), key=lambda item: item[1].starts_at)
    for (number, bell), (next_number, next_bell) in zip(ordered, ordered[1:], strict=False):
        if _minute(next_bell.starts_at) < _end_minute(bell.ends_at):
            return number, next_number
    return None


def periods_on(day: date, nearest_first: Sequence[Sequence[BellTimes]]) -> Mapping[int, Bell]:
    """The periods in force on a day; raises NoBells."""
    for schedules in nearest_first:
        for schedule in schedules:
            if schedule.valid_from <= day <= schedule.valid_to:
                return schedule.periods
    raise NoBells(day)


def _first_moment_after_jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The second at which the zone's offset changes: after `before`, at the latest at `after`."""
    old_offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _end_minute(clock: time) -> int:
    return 24 * 60 if clock == MIDNIGHT else _minute(clock)
