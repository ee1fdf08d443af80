"""One week of the timetable, as a room, a site, a teacher or a pupil group has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.errors import Invalid
from app.lessons import week_queries as queries
from app.lessons.service import sees_drafts
from app.lessons.showing_queries import ShownLesson
from app.lessons.week_queries import Whose as Whose
from app.timetables import service as timetables
from app.timetables.models import Term
from app.timetables.rules import week_of, week_span


@dataclass(frozen=True)
class Week:
    """The lessons of a week, and which weekday's timetable each of its days follows."""

    term: Term
    number: int
    days: Mapping[date, int | None]
    lessons: Sequence[ShownLesson]


def show_week(session: Session, principal: Principal, term_id: UUID, number: int, whose: Whose) -> Week:
    """A week of one's own county, whichever role one has; drafts for those who plan.

    Raises `NotFound` for a term of another county, and `Invalid` for a week beyond the term.
    """
    term = timetables.get_term(session, term_id, principal.county_id)
    weeks = week_of(term.first_day, term.last_day)
    if number > weeks:
        raise Invalid(
            "timetable.outside_term", "Outside the term", f"{term.name} has weeks 1 to {weeks}.", weeks=weeks
        )
    monday, sunday = week_span(term.first_day, number)
    first, last = max(monday, term.first_day), min(sunday, term.last_day)
    calendar = timetables.calendar_of(session, term)
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    drafts = sees_drafts(principal)
    lessons = queries.week(session, principal.county_id, whose, first, last, drafts)
    return Week(term, number, {day: calendar.weekday_taught(day) for day in days}, lessons)
