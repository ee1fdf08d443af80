"""How many lessons of a term there are, for reports: by what they reach and by room; and which they are.

*Planned* are lessons that people know of and that are not called off, whether or not they are over. *Delivered* are
those that were held and, for a site, at which the site was there. Heads will narrow that (invariant 4) once they are
counted. Seconds are those within the planned time in which the teacher was on the air and, for a site, it received
that: breaks of either are none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.lessons import tally_queries as queries
from app.lessons.finding_queries import Position
from app.lessons.models import Lesson
from app.lessons.tally_queries import Counted as Counted
from app.timetables.curriculum_rules import Planned


@dataclass(frozen=True, slots=True)
class Reached:
    """Counts over the same groups and units, and seconds of them."""

    planned: Planned
    due: Planned
    """Of the planned, those that are over by now."""
    delivered: Planned
    due_seconds: Planned
    """Of those that are over, as planned."""
    delivered_seconds: Planned
    """Of those that were delivered, as they were received."""


@dataclass(frozen=True, slots=True)
class Count:
    """Lessons of a room in a term."""

    planned: int
    due: int
    delivered: int
    due_seconds: int = 0
    delivered_seconds: int = 0


def reached(session: Session, term_id: UUID, now: datetime) -> Reached:
    """What the lessons of a term reach: three statements, however many they are."""
    groups = queries.by_group(session, term_id, now)
    units = queries.by_unit_without_groups(session, term_id, now)
    return Reached(*(Planned(_counts(groups, which), _counts(units, which)) for which in range(5)))


def by_main_room(session: Session, term_id: UUID, now: datetime) -> Mapping[UUID, Count]:
    """By main room: what it gives."""
    return {room_id: Count(*counts) for room_id, *counts in queries.by_main_room(session, term_id, now)}


def by_receiving_room(session: Session, term_id: UUID, now: datetime) -> Mapping[UUID, Count]:
    """By receiving room: what it takes."""
    return {room_id: Count(*counts) for room_id, *counts in queries.by_receiving_room(session, term_id, now)}


def counted_lessons(
    session: Session, counted: Counted, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[Sequence[tuple[Lesson, int]], bool]:
    """The lessons behind a count with their delivered seconds, in order, and whether there are more."""
    found = queries.lessons(session, counted, Position(*after) if after else None, limit + 1)
    return found[:limit], len(found) > limit


def _counts(tallies: Iterable[queries.Tally], which: int) -> dict[tuple[UUID, str], int]:
    found: dict[tuple[UUID, str], int] = {}
    for whose, subject, *counts in tallies:
        found[whose, subject] = found.get((whose, subject), 0) + counts[which]
    return found
