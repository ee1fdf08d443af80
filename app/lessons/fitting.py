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
from app.lessons.clash_report import wanted_by
from app.lessons.fitting_queries import GroupRow, SiteRow
from app.lessons.models import Lesson
from app.lessons.rules import LessonState, SiteState
from app.lessons.scheduling import group_row, site_row, times_of
from app.timetables.clashes import Booking, Held, Resource
from app.timetables.planning import Plan
from app.timetables.rules import Interval, Occurrence


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
    there = queries.look_at(session, [fit.lesson.id for fit in fits])
    pieces = [_Piece(fit, there.states[fit.lesson.id], [], []) for fit in fits]
    by_lesson = {piece.lesson_id: piece for piece in pieces}
    for site in there.sites:
        by_lesson[site.lesson_id].sites.append(site)
    for group in there.groups:
        by_lesson[group.lesson_id].groups.append(group)
    in_the_way = _in_the_way(pieces)
    first = [piece for piece in pieces if piece.lesson_id in in_the_way]
    others = [piece for piece in pieces if piece.lesson_id not in in_the_way]
    _let_go(session, first, others)
    # What a lesson is like changes once, which is its one counted edit; only then does it take its place.
    queries.write_lessons(session, [{**piece.row, "state": LessonState.CANCELLED} for piece in first])
    queries.write_lessons(session, [{**piece.row, "state": piece.state} for piece in others])
    for state in sorted({piece.state for piece in first}):
        queries.set_lessons(session, [each.lesson_id for each in first if each.state is state], state)
    _take(session, first, others)
    new = Rows([], [], [])
    for piece in pieces:
        new.sites.extend(piece.new_sites)
        new.groups.extend(piece.new_groups)
    booking_queries.add_lessons(session, new)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A lesson as it is, and as it is to be."""

    fit: Fit
    state: LessonState
    sites: list[SiteRow]
    groups: list[GroupRow]

    @property
    def lesson_id(self) -> UUID:
        return self.fit.lesson.id

    @property
    def row(self) -> dict[str, Any]:
        return _lesson(self.fit)

    @property
    def living(self) -> list[SiteRow]:
        return [site for site in self.sites if site.state is not SiteState.CANCELLED]

    @property
    def staying(self) -> list[SiteRow]:
        """Sites that take part before and after, in the same room under the same agreement."""
        planned = {(each.room.id, each.pairing_id) for each in self.fit.plan.sites}
        return [site for site in self.living if (site.receiving_room_id, site.pairing_id) in planned]

    @property
    def wanted_groups(self) -> set[UUID]:
        return {group.id for group in self.fit.plan.groups}

    @property
    def held(self) -> list[Booking]:
        lesson = self.fit.lesson
        time = Interval(lesson.starts_at, lesson.ends_at)
        return [
            Booking(kind, each, lesson.id, time)
            for kind, each in (
                (Resource.TEACHER, lesson.teacher_id),
                (Resource.MAIN_ROOM, lesson.main_room_id),
                *((Resource.RECEIVING_ROOM, site.receiving_room_id) for site in self.living),
                *((Resource.PUPIL_GROUP, each.pupil_group_id) for each in self.groups if not each.released),
            )
        ]

    @property
    def changed_sites(self) -> list[dict[str, Any]]:
        """Sites in another room, under another agreement, or that take part again."""
        planned = {each.site_id: each for each in self.fit.plan.sites}
        staying = {site.id for site in self.staying}
        return [
            {
                "id": site.id,
                "receiving_room_id": wanted.room.id,
                "pairing_id": wanted.pairing_id,
                "state": site.state
                if site.state is not SiteState.CANCELLED and site.receiving_room_id == wanted.room.id
                else SiteState.INVITED,  # nobody in this room has confirmed yet
            }
            for site in self.sites
            if site.id not in staying and (wanted := planned.get(site.site_id)) is not None
        ]

    @property
    def new_sites(self) -> list[dict[str, Any]]:
        known = {site.site_id for site in self.sites}
        occurrence = self.fit.occurrence
        return [
            site_row(self.lesson_id, each, occurrence)
            for each in self.fit.plan.sites
            if each.site_id not in known
        ]

    @property
    def new_groups(self) -> list[dict[str, Any]]:
        known = {group.pupil_group_id for group in self.groups}
        occurrence = self.fit.occurrence
        return [
            group_row(self.lesson_id, each, occurrence)
            for each in self.fit.plan.groups
            if each.id not in known
        ]


def _in_the_way(pieces: Sequence[_Piece]) -> set[UUID]:
    """Lessons that hold what another one will have; the others need not let go, which is twice as fast."""
    held = Held(booking for piece in pieces for booking in piece.held)
    wanted = (
        booking
        for piece in pieces
        for booking in wanted_by(piece.fit.plan, [piece.fit.occurrence], piece.lesson_id)
    )
    return {
        each.taken.lesson_id for each in held.clashes(wanted) if each.taken.lesson_id != each.wanted.lesson_id
    }


def _let_go(session: Session, first: Sequence[_Piece], others: Sequence[_Piece]) -> None:
    """Free all rooms and pupils of those in the way, and of the others what they will not have."""
    sites = [site.id for piece in first for site in piece.living]
    groups = [group.id for piece in first for group in piece.groups if not group.released]
    for piece in others:
        staying = {site.id for site in piece.staying}
        sites += [site.id for site in piece.living if site.id not in staying]
        groups += [
            group.id
            for group in piece.groups
            if not group.released and group.pupil_group_id not in piece.wanted_groups
        ]
    queries.set_sites(session, sites, SiteState.CANCELLED)
    queries.set_groups(session, groups, released=True)


def _take(session: Session, first: Sequence[_Piece], others: Sequence[_Piece]) -> None:
    """Let sites and pupils take part that did before, or do again."""
    back: dict[SiteState, list[UUID]] = defaultdict(list)
    for piece in first:
        for site in piece.staying:
            back[site.state].append(site.id)
    for state, ids in sorted(back.items()):
        queries.set_sites(session, ids, state)
    queries.write_sites(session, [row for piece in (*first, *others) for row in piece.changed_sites])
    groups = [
        group.id for piece in first for group in piece.groups if group.pupil_group_id in piece.wanted_groups
    ]
    groups += [
        group.id
        for piece in others
        for group in piece.groups
        if group.released and group.pupil_group_id in piece.wanted_groups
    ]
    queries.set_groups(session, groups, released=False)


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
