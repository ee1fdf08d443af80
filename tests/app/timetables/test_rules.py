"""Weekly slots become dated lessons: compared with an oracle that looks at the clock every minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.timetables.rules import (
    Bell,
    BellTimes,
    Interval,
    NoBells,
    UnknownPeriod,
    WeeklySlot,
    expand,
    lesson_interval,
    overlapping_periods,
    ring,
    week_of,
    week_span,
)

# Ordinary zones, half-hour jumps (Lord Howe), jumps at midnight (Beirut, Havana), a lost day (Apia 2011).
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"]
ZONES += ["America/Havana", "Pacific/Apia", "Africa/Casablanca", "UTC"]

zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(2005, 1, 1), date(2037, 12, 1))
clock_times = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


def minutes_around(day: date) -> Iterator[datetime]:
    start = datetime.combine(day, time(), UTC) - timedelta(hours=30)
    return (start + timedelta(minutes=minute) for minute in range(90 * 60))


def watched_ring(day: date, bell: time, zone: ZoneInfo) -> datetime:
    """The oracle: watch the wall clock minute by minute until it shows the bell's time or later."""
    wanted = datetime.combine(day, bell)
    return next(
        moment for moment in minutes_around(day) if moment.astimezone(zone).replace(tzinfo=None) >= wanted
    )


@given(days, clock_times, zones)
@example(date(2026, 3, 29), time(2, 30), ZoneInfo("Europe/Berlin"))  # the gap
@example(date(2026, 10, 25), time(2, 30), ZoneInfo("Europe/Berlin"))  # the fold
@example(date(2026, 10, 4), time(2, 10), ZoneInfo("Australia/Lord_Howe"))  # a gap of half an hour
@example(date(2011, 12, 30), time(9, 0), ZoneInfo("Pacific/Apia"))  # a day that never was
def test_a_bell_rings_when_the_wall_clock_first_shows_it(day: date, bell: time, zone: ZoneInfo) -> None:
    assert ring(day, bell, zone) == watched_ring(day, bell, zone)


@st.composite
def school_days(draw: st.DrawFn) -> dict[int, Bell]:
    """Disjoint periods of one day."""
    cuts = sorted(draw(st.sets(st.integers(0, 24 * 60), min_size=2, max_size=12)))
    clocks = [time(cut // 60 % 24, cut % 60) for cut in cuts]
    return {number: Bell(*pair) for number, pair in enumerate(zip(clocks, clocks[1:], strict=False), 1)}


@given(days, school_days(), zones)
@example(
    date(2026, 3, 29), {1: Bell(time(2), time(2, 30)), 2: Bell(time(2, 30), time(4))}, ZoneInfo(ZONES[1])
)
def test_periods_apart_on_the_wall_clock_are_apart_in_utc(
    day: date, periods: dict[int, Bell], zone: ZoneInfo
) -> None:
    assert overlapping_periods(periods) is None
    intervals = [lesson_interval(day, bell, zone) for bell in periods.values()]
    lessons = [interval for interval in intervals if interval is not None]
    assert not any(a.overlaps(b) for index, a in enumerate(lessons) for b in lessons[index + 1 :])


def test_a_lesson_in_a_county_of_one_zone() -> None:
    interval = lesson_interval(date(2026, 11, 23), Bell(time(8), time(8, 40)), ZoneInfo("Asia/Shanghai"))
    assert interval == Interval(
        datetime(2026, 11, 23, 0, 0, tzinfo=UTC), datetime(2026, 11, 23, 0, 40, tzinfo=UTC)
    )


def test_midnight_ends_the_day_it_belongs_to() -> None:
    interval = lesson_interval(date(2026, 11, 23), Bell(time(22), time(0)), ZoneInfo("UTC"))
    assert interval is not None
    assert interval.ends_at == datetime(2026, 11, 24, tzinfo=UTC)


@given(days, st.integers(-2, 60))
def test_weeks_of_a_term_tile_the_calendar(term_first_day: date, week: int) -> None:
    monday, sunday = week_span(term_first_day, week)
    assert (monday.isoweekday(), sunday.isoweekday()) == (1, 7)
    assert week_of(term_first_day, monday) == week_of(term_first_day, sunday) == week
    assert week_span(term_first_day, week + 1)[0] == sunday + timedelta(days=1)
    assert week_of(term_first_day, term_first_day) == 1


SUMMER = BellTimes(date(2026, 9, 1), date(2026, 10, 7), {1: Bell(time(8), time(8, 40))})
WINTER = BellTimes(date(2026, 10, 8), date(2027, 1, 31), {1: Bell(time(8, 30), time(9, 10))})
COUNTY = BellTimes(
    date(2026, 9, 1), date(2027, 1, 31), {1: Bell(time(7), time(7, 40)), 2: Bell(time(8), time(9))}
)


def test_the_nearest_schedule_in_force_that_day_decides() -> None:
    slot = WeeklySlot(weekday=1, period=1, first_day=date(2026, 9, 28), last_day=date(2026, 10, 12))
    school = [SUMMER, WINTER]
    hours = [
        (occurrence.day.day, occurrence.interval.starts_at.hour, occurrence.interval.starts_at.minute)
        for occurrence in expand(slot, [school, [COUNTY]], ZoneInfo("UTC")).occurrences
    ]
    assert hours == [(28, 8, 0), (5, 8, 0), (12, 8, 30)]
    only_summer = expand(slot, [[SUMMER], [COUNTY]], ZoneInfo("UTC"))
    assert only_summer.occurrences[-1].interval.starts_at.hour == 7


def test_a_period_the_clocks_jump_over_is_skipped_and_reported() -> None:
    night = BellTimes(date(2026, 3, 1), date(2026, 4, 30), {1: Bell(time(2), time(3))})
    slot = WeeklySlot(weekday=7, period=1, first_day=date(2026, 3, 22), last_day=date(2026, 4, 5))
    expansion = expand(slot, [[night]], ZoneInfo("Europe/Berlin"))
    assert expansion.swallowed == (date(2026, 3, 29),)
    assert [occurrence.day.day for occurrence in expansion.occurrences] == [22, 5]


def test_a_day_without_bells_or_period_is_named() -> None:
    slot = WeeklySlot(weekday=1, period=2, first_day=date(2026, 9, 28), last_day=date(2026, 10, 12))
    with pytest.raises(UnknownPeriod) as unknown:
        expand(slot, [[SUMMER, WINTER], [COUNTY]], ZoneInfo("UTC"))
    assert (unknown.value.day, unknown.value.known) == (date(2026, 9, 28), (1,))
    with pytest.raises(NoBells) as missing:
        expand(slot, [[], []], ZoneInfo("UTC"))
    assert missing.value.day == date(2026, 9, 28)


def test_overlapping_periods_are_named() -> None:
    periods = {1: Bell(time(8), time(8, 40)), 3: Bell(time(23), time(0)), 2: Bell(time(8, 39), time(9))}
    assert overlapping_periods(periods) == (1, 2)
    back_to_back = {1: Bell(time(8), time(9)), 2: Bell(time(9), time(0))}
    assert overlapping_periods(back_to_back) is None
    assert Bell(time(22), time(0)).minutes == 120
    assert Bell(time(9), time(8)).minutes == -60
