"""Which weekday's timetable a date follows."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.timetables import service as timetables
from app.timetables.calendar import (
    EVERY_DAY,
    DayKind,
    SchoolCalendar,
    SpecialDay,
    Trouble,
    days_between,
    trouble_with,
)
from app.timetables.models import CalendarDay
from app.timetables.rules import week_of
from tests import counties, factories

SATURDAY = date(2026, 10, 10)
MONDAY = date(2026, 10, 12)
NATIONAL_DAY = SpecialDay(DayKind.HOLIDAY)
LIKE_WEDNESDAY = SpecialDay(DayKind.MAKE_UP_DAY, 3)

specials = st.one_of(
    st.sampled_from([SpecialDay(DayKind.HOLIDAY), SpecialDay(DayKind.SCHOOL_DAY)]),
    st.integers(1, 7).map(lambda weekday: SpecialDay(DayKind.MAKE_UP_DAY, weekday)),
)
days = st.integers(0, 400).map(
    lambda offset: date(2027, 9, 1) + timedelta(days=offset)
)  # 2028 has a 29 February
calendars = st.builds(
    SchoolCalendar, st.frozensets(st.integers(1, 7)), st.dictionaries(days, specials, max_size=20)
)


def test_lessons_are_from_monday_to_friday_unless_somebody_says_otherwise() -> None:
    week = [MONDAY + timedelta(days=n) for n in range(7)]
    assert [SchoolCalendar().weekday_taught(day) for day in week] == [1, 2, 3, 4, 5, None, None]
    assert [SchoolCalendar(EVERY_DAY).weekday_taught(day) for day in week] == [1, 2, 3, 4, 5, 6, 7]


def test_special_days_go_first() -> None:
    calendar = SchoolCalendar(days={SATURDAY: LIKE_WEDNESDAY, MONDAY: NATIONAL_DAY})
    assert calendar.weekday_taught(SATURDAY) == 3
    assert calendar.weekday_taught(MONDAY) is None
    assert calendar.days_taught(3, date(2026, 10, 5), MONDAY) == [date(2026, 10, 7), SATURDAY]
    opened = SchoolCalendar(days={SATURDAY: SpecialDay(DayKind.SCHOOL_DAY)})
    assert opened.weekday_taught(SATURDAY) == 6


@given(calendars, days, st.integers(0, 60))
def test_every_day_follows_one_weekday_or_none(calendar: SchoolCalendar, first: date, length: int) -> None:
    last = first + timedelta(days=length)
    taught = {weekday: calendar.days_taught(weekday, first, last) for weekday in range(1, 8)}
    for day in days_between(first, last):
        at = [weekday for weekday, found in taught.items() if day in found]
        assert at == ([weekday] if (weekday := calendar.weekday_taught(day)) else [])


@given(days, specials, st.one_of(st.none(), st.frozensets(st.integers(1, 7))))
def test_a_day_without_trouble_always_has_an_answer(
    day: date, wanted: SpecialDay, weekdays: frozenset[int] | None
) -> None:
    if trouble_with(day, wanted, weekdays) is None and wanted.kind is DayKind.MAKE_UP_DAY:
        assert weekdays is not None
        assert wanted.follows_weekday in weekdays - {day.isoweekday()}


@pytest.mark.parametrize(
    ("wanted", "weekdays", "trouble"),
    [
        (SpecialDay(DayKind.MAKE_UP_DAY, 6), EVERY_DAY, Trouble.FOLLOWS_ITSELF),
        (SpecialDay(DayKind.MAKE_UP_DAY, 7), SchoolCalendar().weekdays, Trouble.FOLLOWS_A_FREE_DAY),
        (SpecialDay(DayKind.MAKE_UP_DAY), EVERY_DAY, Trouble.FOLLOWS_NOTHING),
        (SpecialDay(DayKind.HOLIDAY, 1), EVERY_DAY, Trouble.FOLLOWS_WITHOUT_NEED),
        (LIKE_WEDNESDAY, None, Trouble.OUTSIDE_TERMS),
        (SpecialDay(DayKind.HOLIDAY), None, None),
        (LIKE_WEDNESDAY, SchoolCalendar().weekdays, None),
    ],
)
def test_what_a_saturday_cannot_be(
    wanted: SpecialDay, weekdays: frozenset[int] | None, trouble: Trouble | None
) -> None:
    assert trouble_with(SATURDAY, wanted, weekdays) is trouble


def test_a_year_may_have_53_weeks_and_a_leap_day() -> None:
    first = date(2026, 12, 28)  # ISO week 53 of 2026
    assert [week_of(first, day) for day in (date(2027, 1, 3), date(2027, 1, 4))] == [1, 2]
    assert week_of(date(2028, 2, 28), date(2028, 2, 29)) == 1
    assert SchoolCalendar().weekday_taught(date(2028, 2, 29)) == 2


def test_a_term_has_the_special_days_of_its_county(session: Session) -> None:
    county, other = counties.county(session), factories.county(session)
    for place in (county.county, other):
        session.add(CalendarDay(county_id=place.id, date=counties.FIRST_DAY, kind=DayKind.HOLIDAY))
    session.add(
        CalendarDay(
            county_id=other.id,
            date=SATURDAY,
            kind=DayKind.MAKE_UP_DAY,
            follows_weekday=3,
            name="National Day",
        )
    )
    session.flush()
    calendar = timetables.calendar_of(session, county.term)
    assert calendar == SchoolCalendar(EVERY_DAY, {counties.FIRST_DAY: NATIONAL_DAY})


@pytest.mark.parametrize(
    ("kind", "follows"), [(DayKind.MAKE_UP_DAY, None), (DayKind.HOLIDAY, 1), (DayKind.MAKE_UP_DAY, 8)]
)
def test_the_database_keeps_days_whole(session: Session, kind: DayKind, follows: int | None) -> None:
    county = factories.county(session)
    session.add(CalendarDay(county_id=county.id, date=SATURDAY, kind=kind, follows_weekday=follows))
    with pytest.raises(IntegrityError):
        session.flush()
