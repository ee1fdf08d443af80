"""Who or what would be in two lessons at once: pure rules over half-open intervals."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.timetables.rules import Interval


class Resource(StrEnum):
    """What can be in one lesson at a time only."""

    TEACHER = "teacher"
    MAIN_ROOM = "main_room"
    RECEIVING_ROOM = "receiving_room"
    PUPIL_GROUP = "pupil_group"


@dataclass(frozen=True, slots=True)
class Booking:
    """A resource needed by a lesson for a span of time."""

    resource: Resource
    resource_id: UUID
    lesson_id: UUID
    interval: Interval


@dataclass(frozen=True, slots=True)
class Clash:
    """A wanted booking and the one that is in its way."""

    wanted: Booking
    taken: Booking


def find_clashes(wanted: Iterable[Booking], taken: Iterable[Booking]) -> list[Clash]:
    """Every wanted booking paired with every booking that holds its resource, in order of time."""
    shelves: dict[tuple[Resource, UUID], _Shelf] = defaultdict(_Shelf)
    for booking in sorted(taken, key=lambda each: each.interval):
        shelves[booking.resource, booking.resource_id].add(booking)
    found = [
        Clash(booking, other)
        for booking in wanted
        if (shelf := shelves.get((booking.resource, booking.resource_id)))
        for other in shelf.overlapping(booking.interval)
    ]
    return sorted(found, key=lambda clash: (clash.wanted.interval, clash.taken.interval))


class _Shelf:
    """The bookings of one resource by start; the longest one bounds how far back a search must look."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []
        self._bookings: list[Booking] = []
        self._longest = timedelta(0)

    def add(self, booking: Booking) -> None:
        self._starts.append(booking.interval.starts_at)
        self._bookings.append(booking)
        self._longest = max(self._longest, booking.interval.ends_at - booking.interval.starts_at)

    def overlapping(self, interval: Interval) -> list[Booking]:
        first = bisect_left(self._starts, interval.starts_at - self._longest)
        last = bisect_left(self._starts, interval.ends_at)
        return [each for each in self._bookings[first:last] if each.interval.overlaps(interval)]
