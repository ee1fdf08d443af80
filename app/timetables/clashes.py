"""Who or what would be in two lessons at once: pure rules over half-open intervals."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from app.timetables.rules import Interval


class Resource(StrEnum):
    """What can be in one lesson at a time only."""

    TEACHER = "teacher"
    MAIN_ROOM = "main_room"
    RECEIVING_ROOM = "receiving_room"
    PUPIL_GROUP = "pupil_group"


class Booking(NamedTuple):
    """A resource needed by a lesson for a span of time."""

    resource: Resource
    resource_id: UUID
    lesson_id: UUID
    interval: Interval


class Clash(NamedTuple):
    """A wanted booking and the one that is in its way."""

    wanted: Booking
    taken: Booking


class Held:
    """What holds people, rooms and groups, laid out once by resource and time, to be asked about many plans."""

    def __init__(self, taken: Iterable[Booking]) -> None:
        self._shelves: dict[tuple[Resource, UUID], _Shelf] = defaultdict(_Shelf)
        self.add(sorted(taken, key=lambda each: each.interval))

    def add(self, taken: Iterable[Booking]) -> None:
        """These hold their resources from now on, too."""
        for booking in taken:
            self._shelves[booking.resource, booking.resource_id].add(booking)

    def clashes(self, wanted: Iterable[Booking]) -> list[Clash]:
        """Every wanted booking paired with every booking that holds its resource, in order of time."""
        return sorted(self._clashes(wanted), key=lambda each: (each.wanted.interval, each.taken.interval))

    def leaves_free(self, wanted: Iterable[Booking]) -> bool:
        """Whether nothing else holds any of what is wanted."""
        return all(each.taken.lesson_id == each.wanted.lesson_id for each in self._clashes(wanted))

    def _clashes(self, wanted: Iterable[Booking]) -> Iterator[Clash]:
        for booking in wanted:
            if shelf := self._shelves.get((booking.resource, booking.resource_id)):
                for other in shelf.overlapping(booking.interval):
                    yield Clash(booking, other)


def find_clashes(wanted: Iterable[Booking], taken: Iterable[Booking]) -> list[Clash]:
    """The clashes of one plan with what is taken."""
    return Held(taken).clashes(wanted)


class _Shelf:
    """The bookings of one resource by start; the longest one bounds how far back a search must look."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []
        self._bookings: list[Booking] = []
        self._longest = timedelta(0)

    def add(self, booking: Booking) -> None:
        place = bisect_right(self._starts, booking.interval.starts_at)
        self._starts.insert(place, booking.interval.starts_at)
        self._bookings.insert(place, booking)
        self._longest = max(self._longest, booking.interval.ends_at - booking.interval.starts_at)

    def overlapping(self, interval: Interval) -> list[Booking]:
        first = bisect_left(self._starts, interval.starts_at - self._longest)
        last = bisect_left(self._starts, interval.ends_at)
        return [each for each in self._bookings[first:last] if each.interval.overlaps(interval)]
