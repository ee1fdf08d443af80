"""How many lessons of a term there are, for reports: by what they reach and by room; and which they are.

*Planned* are lessons that people know of and that are not called off, whether or not they are over. *Delivered* are
those that were held and, for a site, at which the site was there. Heads will narrow that (invariant 4) once they are
counted. Seconds are those within the planned time in which the teacher was on the air and, for a site, it received
that: breaks of either are none.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.lessons import tally_queries as queries
from app.lessons.models import Lesson
from app.lessons.tally_queries import Counted as Counted
from app.lessons.tally_queries import Position
from app.timetables.curriculum_rules import NOTHING, Count, Reached

_FEW_UNITS = 40
"""Of more than that, all lessons of the term are gone through, and those of other units left out."""


def reached(session: Session, term_id: UUID, now: datetime, unit_ids: Collection[UUID]) -> Reached:
    """What the lessons of a term reach in some units: one statement, however many they are."""
    of_groups: dict[UUID, dict[str, Count]] = {}
    of_units: dict[UUID, dict[str, Count]] = {}
    few = unit_ids if len(unit_ids) <= _FEW_UNITS else None
    for is_of_group, whose, subject, *counts in queries.reached(session, term_id, now, few):
        if is_of_group or whose in unit_ids:
            found = (of_groups if is_of_group else of_units).setdefault(whose, {})
            found[subject] = found.get(subject, NOTHING).plus(Count(*counts))
    return Reached(of_groups, of_units)


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
