"""Making lessons that are there what plans say, all at once: they let go of whom and what they hold, then take.

Two lessons that change places cannot do that one after the other: there would be a moment in which both are in one
place, which the database refuses.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.lessons import booking_queries
from app.lessons import fitting_queries as queries
from app.lessons.booking_queries import Rows
from app.lessons.fitting_queries import GroupRow, SiteRow
from app.lessons.models import Lesson
from app.lessons.rules import SiteState
from app.lessons.scheduling import group_row, site_row, times_of
from app.timetables.planning import Plan
from app.timetables.rules import Occurrence


@dataclass(frozen=True, slots=True)
class Fit:
    """A lesson, and what it is to be: a plan on one of its dates."""

    lesson: Lesson
    plan: Plan
    occurrence: Occurrence
    substitute_for: UUID | None = None


def fit_all(session: Session, fits: Sequence[Fit]) -> None:
    """Make lessons what their plans say. The caller has opened them for change.

    Raises `IntegrityError` when somebody took what one of them needs meanwhile. What the session remembers of them is
    to be read again.
    """
    if not fits:
        return
    held = queries.let_go(session, [fit.lesson.id for fit in fits])
    # What a lesson is like changes once, which is its one counted edit; only then does it take its place.
    queries.write_lessons(session, [_lesson(fit) for fit in fits])
    queries.take_place(session, held.states)
    sites: dict[UUID, list[SiteRow]] = defaultdict(list)
    groups: dict[UUID, list[GroupRow]] = defaultdict(list)
    for site in held.sites:
        sites[site.lesson_id].append(site)
    for group in held.groups:
        groups[group.lesson_id].append(group)
    queries.write_sites(session, [row for fit in fits for row in _sites_there(fit, sites[fit.lesson.id])])
    queries.take_groups(
        session,
        [
            group.id
            for fit in fits
            for group in groups[fit.lesson.id]
            if any(group.pupil_group_id == planned.id for planned in fit.plan.groups)
        ],
    )
    new = Rows([], [], [])
    for fit in fits:
        key, there = fit.lesson.id, {site.site_id for site in sites[fit.lesson.id]}
        taught = {group.pupil_group_id for group in groups[key]}
        new.sites.extend(
            site_row(key, each, fit.occurrence) for each in fit.plan.sites if each.site_id not in there
        )
        new.groups.extend(
            group_row(key, each, fit.occurrence) for each in fit.plan.groups if each.id not in taught
        )
    booking_queries.add_lessons(session, new)


def _lesson(fit: Fit) -> dict[str, Any]:
    entry = fit.plan.entry
    return {
        "id": fit.lesson.id,
        "date": fit.occurrence.day,
        "period": entry.period,
        **times_of(fit.occurrence),
        "teacher_id": fit.plan.teacher.id,
        "substitute_for": fit.substitute_for,
        "main_room_id": fit.plan.main_room.id,
        "school_id": fit.plan.school_id,
        "subject": entry.subject,
        "title": entry.title,
        "mode": entry.mode,
    }


def _sites_there(fit: Fit, there: Sequence[SiteRow]) -> list[dict[str, Any]]:
    """Those of a lesson's sites that take part; one with another room, or that was dropped, is invited again."""
    planned = {each.site_id: each for each in fit.plan.sites}
    return [
        {
            "id": site.id,
            "receiving_room_id": wanted.room.id,
            "pairing_id": wanted.pairing_id,
            "state": site.state
            if site.state is not SiteState.CANCELLED and site.receiving_room_id == wanted.room.id
            else SiteState.INVITED,  # nobody in this room has confirmed yet
        }
        for site in there
        if (wanted := planned.get(site.site_id)) is not None
    ]
