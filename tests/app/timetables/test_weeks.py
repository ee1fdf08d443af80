"""Week patterns over a calendar, compared with an oracle that walks through the term with a diary in its hand."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from app.timetables.calendar import MONDAY_TO_FRIDAY, DayKind, SchoolCalendar, SpecialDay
from app.timetables.rules import Bell, BellTimes, Interval, WeeklySlot, expand, lesson_interval, meets
from app.timetables.weeks import WeekPattern, Weeks

FIRST = date(2026, 9, 1)
MONDAY, SATURDAY = 1, 6
PATTERNS = st.builds(Weeks.of, st.sampled_from(WeekPattern), st.sets(st.integers(1, 60)))
SPECIAL = st.one_of(
    st.just(SpecialDay(DayKind.HOLIDAY)),
    st.just(SpecialDay(DayKind.SCHOOL_DAY)),
    st.builds(SpecialDay, st.just(DayKind.MAKE_UP_DAY), st.integers(1, 7)),
)


@st.composite
def terms(draw: st.DrawFn) -> tuple[date, date, SchoolCalendar]:
    """Terms through leap days, week 53 and New Year, with special days in them."""
    first = draw(st.dates(date(2023, 8, 1), date(2028, 12, 31)))
    length = draw(st.integers(0, 200))
    special = draw(st.dictionaries(st.integers(0, length), SPECIAL, max_size=20))
    days = {first + timedelta(days=offset): kind for offset, kind in special.items()}
    weekdays = draw(st.sampled_from([MONDAY_TO_FRIDAY, frozenset(range(1, 8))]))
    return first, first + timedelta(days=length), SchoolCalendar(weekdays, days)


def walked(slot: WeeklySlot, term_first_day: date, calendar: SchoolCalendar) -> list[date]:
    """The oracle: turn the diary's pages, counting a week at each Monday, and look up what each day is."""
    found, week, day = [], 0, term_first_day
    while day <= slot.last_day:
        if day == term_first_day or day.strftime("%A") == "Monday":
            week += 1
        special = calendar.days.get(day)
        follows: int | None = day.isoweekday() if day.isoweekday() in calendar.weekdays else None
        if special is not None and special.kind is DayKind.HOLIDAY:
            follows = None
        elif special is not None:
            follows = special.follows_weekday or day.isoweekday()
        wanted = {
            WeekPattern.EVERY: True,
            WeekPattern.ODD: week in range(1, 99, 2),
            WeekPattern.EVEN: week in range(2, 99, 2),
            WeekPattern.LISTED: week in slot.weeks.listed,
        }[slot.weeks.pattern]
        if follows == slot.weekday and wanted and day >= slot.first_day:
            found.append(day)
        day += timedelta(days=1)
    return found


@given(terms(), st.integers(1, 7), PATTERNS, st.integers(0, 60))
@example(
    (date(2024, 2, 26), date(2024, 3, 10), SchoolCalendar()), 4, Weeks(WeekPattern.ODD), 0
)  # 29 February
@example((date(2026, 12, 21), date(2027, 1, 10), SchoolCalendar()), 5, Weeks(WeekPattern.EVEN), 0)  # week 53
def test_a_pattern_gives_the_days_a_diary_gives(
    term: tuple[date, date, SchoolCalendar], weekday: int, weeks: Weeks, later: int
) -> None:
    first, last, calendar = term
    start = min(first + timedelta(days=later), last)
    slot = WeeklySlot(weekday, 1, start, last, weeks, first)
    assert slot.days(calendar.weekday_taught) == walked(slot, first, calendar)


def test_holidays_are_skipped_and_a_make_up_day_follows_another_weekday() -> None:
    days = {
        date(2026, 10, 5): SpecialDay(DayKind.HOLIDAY),
        date(2026, 10, 10): SpecialDay(DayKind.MAKE_UP_DAY, MONDAY),
    }
    calendar = SchoolCalendar(MONDAY_TO_FRIDAY, days)
    bells = BellTimes(FIRST, date(2027, 1, 31), {1: Bell(time(8), time(9))})
    slot = WeeklySlot(MONDAY, 1, date(2026, 9, 28), date(2026, 10, 12), term_first_day=FIRST)
    found = expand(slot, [[bells]], ZoneInfo("Asia/Shanghai"), calendar.weekday_taught).occurrences
    assert [each.day for each in found] == [date(2026, 9, 28), date(2026, 10, 10), date(2026, 10, 12)]
    odd = WeeklySlot(MONDAY, 1, FIRST, date(2026, 10, 12), Weeks(WeekPattern.EVEN), FIRST)
    assert odd.days(calendar.weekday_taught)[-1] == date(2026, 10, 10)  # of the sixth week, as 5 October was


def test_a_night_the_clocks_jump_over_gives_a_shorter_lesson() -> None:
    bell = Bell(time(1, 30), time(3, 30))
    lesson = lesson_interval(date(2026, 3, 29), bell, ZoneInfo("Europe/Berlin"))
    assert lesson is not None
    assert lesson.ends_at - lesson.starts_at == timedelta(hours=1)


def minutes(start: int, length: int) -> Interval:
    begin = datetime(2026, 9, 7, tzinfo=UTC) + timedelta(minutes=start)
    return Interval(begin, begin + timedelta(minutes=length))


SPANS = st.tuples(st.integers(0, 80), st.integers(25, 50))


@given(SPANS, st.lists(SPANS, max_size=5), st.integers(0, 20))
def test_bells_meet_when_one_period_covers_the_minutes_of_a_lesson(
    lesson: tuple[int, int], periods: list[tuple[int, int]], skew: int
) -> None:
    start, length = lesson
    wanted = set(range(start, start + length))
    covered = any(len(wanted - set(range(at, at + long))) <= skew for at, long in periods)
    rung = [minutes(*period) for period in periods]
    assert meets(minutes(*lesson), rung, timedelta(minutes=skew)) == covered
