"""Suspending and ending pairings, as far as lessons are planned on them.

Lessons do not outlive the agreement that carries them (invariant 2): either nothing is stopped while some are planned,
or the site is taken out of them. A lesson that reaches no other site is cancelled with the reason.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.errors import Conflict, Invalid
from app.lessons import changes, queries
from app.lessons.carrying_out import open_all
from app.lessons.changes import Doing, facts_of
from app.lessons.models import Lesson
from app.lessons.naming import named
from app.lessons.rules import CHANGEABLE, ChangeKind, LessonState, is_known
from app.pairings import deciding
from app.pairings.models import Pairing
from app.pairings.rules import Step
from app.versions import ANY, Seen


def stop_pairing(
    session: Session,
    principal: Principal,
    pairing_id: UUID,
    step: Step,
    reason: str,
    now: datetime,
    *,
    stopped_from: date | None,
    drop_lessons: bool,
    seen: Seen = ANY,
) -> Pairing:
    """Suspend or end an agreement from a day on, as a bureau admin.

    Without a day: from today, or from tomorrow when a lesson of today has begun. Raises `Conflict` with the lessons
    planned from that day on, unless the site is to be dropped from them.
    """
    pairing = deciding.decidable(session, principal, pairing_id, seen)
    deciding.check_step(pairing, step, principal.today)
    first_day = _first_day(session, principal.today, pairing, stopped_from)
    planned = queries.lessons_carried(session, pairing.id, first_day)
    if begun := [each for each in planned if each.state not in CHANGEABLE]:
        last = begun[-1].date
        raise Conflict(
            "pairing.lessons_held",
            "Lessons were held",
            f"Lessons were held under this agreement until {last}; stop it from {last + timedelta(days=1)} on.",
            stopped_from=(last + timedelta(days=1)).isoformat(),
        )
    if planned and not drop_lessons:
        raise _planned(planned)
    _drop(session, pairing, planned, Doing(now, principal.person_id, reason=reason))
    return deciding.stop(session, principal, pairing, step, reason, first_day)


def _first_day(session: Session, today: date, pairing: Pairing, wanted: date | None) -> date:
    if wanted is None:
        begun = [each for each in queries.lessons_carried(session, pairing.id, today) if each.date == today]
        held = any(each.state not in CHANGEABLE for each in begun)
        return min(today + timedelta(days=1), pairing.valid_to) if held else today
    if not today <= wanted <= pairing.valid_to:
        raise Invalid(
            "pairing.day_not_possible",
            "Not a possible day",
            f"It can be stopped from a day between {today} and its last day {pairing.valid_to}.",
        )
    return wanted


def _drop(session: Session, pairing: Pairing, lessons: Sequence[Lesson], doing: Doing) -> None:
    if not lessons:
        return
    before = {lesson.id: facts_of(lesson) for lesson in lessons}
    site_id = next(site.site_id for site in lessons[0].sites if site.pairing_id == pairing.id)
    open_all(session, lessons)
    queries.drop_site(session, pairing.id, site_id, before)
    queries.cancel_without_sites(session, before, doing.reason or "")
    for lesson in queries.lessons_by_ids(session, before):
        if is_known(lesson.state, lesson.sequence):
            is_off = lesson.state is LessonState.CANCELLED
            kind = ChangeKind.CANCELLED if is_off else ChangeKind.SITE_DROPPED
            changes.lesson_changed(session, lesson, doing, kind, before[lesson.id])


def _planned(lessons: Sequence[Lesson]) -> Conflict:
    first = lessons[0]
    return Conflict(
        "pairing.lessons_planned",
        "Lessons are planned",
        f"{len(lessons)} lessons are planned under this agreement, the first “{first.title}” on {first.date}; "
        "stop it from a later day, or give `lessons`: `drop` to take the site out of them.",
        lessons=named(lessons),
        total=len(lessons),
    )
