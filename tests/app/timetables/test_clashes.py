"""Clashes compared with an oracle that asks every pair of bookings minute by minute."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.timetables.clashes import Booking, Resource, find_clashes
from app.timetables.rules import Interval

START = datetime(2026, 11, 23, tzinfo=UTC)


def span(start: int, length: int) -> Interval:
    return Interval(START + timedelta(minutes=start), START + timedelta(minutes=start + length))


@st.composite
def bookings(draw: st.DrawFn) -> Booking:
    return Booking(
        draw(st.sampled_from(Resource)),
        UUID(int=draw(st.integers(1, 3))),
        UUID(int=draw(st.integers(1, 10**6))),
        span(draw(st.integers(0, 60)), draw(st.integers(1, 30))),
    )


def minutes_of(booking: Booking) -> set[datetime]:
    length = booking.interval.ends_at - booking.interval.starts_at
    return {
        booking.interval.starts_at + timedelta(minutes=minute)
        for minute in range(length // timedelta(minutes=1))
    }


@given(st.lists(bookings(), max_size=12), st.lists(bookings(), max_size=12))
def test_clashes_are_the_shared_minutes_of_the_same_resource(
    wanted: list[Booking], taken: list[Booking]
) -> None:
    expected = [
        (mine, other)
        for mine in wanted
        for other in taken
        if (mine.resource, mine.resource_id) == (other.resource, other.resource_id)
        and minutes_of(mine) & minutes_of(other)
    ]
    found = [(clash.wanted, clash.taken) for clash in find_clashes(wanted, taken)]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    starts = [mine.interval.starts_at for mine, _ in found]
    assert starts == sorted(starts)


def test_back_to_back_is_legal() -> None:
    first = Booking(Resource.TEACHER, UUID(int=1), UUID(int=10), span(0, 40))
    second = Booking(Resource.TEACHER, UUID(int=1), UUID(int=11), span(40, 40))
    assert find_clashes([first], [second]) == []
    assert find_clashes([second], [first]) == []
