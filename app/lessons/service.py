"""Use cases of lessons: finding one's own, taking part, and what happens to them on the day."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, allows, denied, reach, require
from app.accounts.rules import Holder, Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.errors import Conflict, NotFound
from app.lessons import queries
from app.lessons.models import Lesson, LessonSite
from app.lessons.rules import (
    TAKES_MEDIA,
    LessonState,
    OnAirWindow,
    Oversight,
    Participation,
    belongs,
    is_known,
    oversight_of,
    participation_of,
)
from app.lessons.showing_queries import ShownLesson, ShownSite
from app.schools import service as schools
from app.schools.rules import path_ids

_NOWHERE = Target(UUID(int=0))


# --- finding ------------------------------------------------------------------------------------------------


def get_lesson(session: Session, lesson_id: UUID) -> Lesson:
    """One lesson with its sites, whoever asks; raises `NotFound`."""
    lesson = queries.lesson(session, lesson_id)
    if lesson is None:
        raise no_lesson(lesson_id)
    return lesson


def require_for(session: Session, lesson: Lesson, principal: Principal, action: Action) -> Target:
    """The lesson as the table of permissions sees it; raises `NotFound` or `Forbidden`.

    To whoever does not plan, a lesson is not there before it is published.
    """
    found = _target_of(session, lesson)
    require_seen(principal, action, lesson, found)
    return found


def require_seen(principal: Principal, action: Action, lesson: Lesson | ShownLesson, target: Target) -> None:
    """`require_for` a lesson whose `target` is known."""
    known = is_known(lesson.state, lesson.sequence) or allows(principal, Action.ENTRY_PLAN, target)
    require(principal, action, target if known else _NOWHERE, no_lesson(lesson.id))


def sees_drafts(principal: Principal) -> bool:
    """Whether somebody plans, and so sees what is not published yet."""
    return reach(principal, Action.ENTRY_PLAN).county_id is not None


def no_lesson(lesson_id: UUID) -> NotFound:
    return NotFound("lesson.not_found", "No such lesson", f"There is no lesson {lesson_id}.")


def _target_of(session: Session, lesson: Lesson) -> Target:
    return target_at(lesson, _paths_of(session, [lesson]))


def target_at(lesson: Lesson | ShownLesson, paths: Mapping[UUID, str]) -> Target:
    """A lesson as the table of permissions sees it: it belongs to its school and to all of its sites.

    `paths` are those of these units in the tree.
    """
    sites = tuple(path_ids(paths[site.site_id]) for site in _sites_of(lesson))
    return Target(
        county_id=lesson.county_id,
        paths=(path_ids(paths[lesson.school_id]), *sites),
        teacher_id=lesson.teacher_id,
        site_paths=sites,
        room_ids=frozenset({lesson.main_room_id, *(site.receiving_room_id for site in _sites_of(lesson))}),
        lesson_id=lesson.id,
    )


def _sites_of(lesson: Lesson | ShownLesson) -> Sequence[LessonSite | ShownSite]:
    return [site for site in lesson.sites if belongs(site.state, lesson.state)]


def _paths_of(session: Session, lessons: Collection[Lesson]) -> Mapping[UUID, str]:
    ids = {site.site_id for lesson in lessons for site in lesson.sites}
    return schools.paths(session, ids | {lesson.school_id for lesson in lessons})


# --- taking part --------------------------------------------------------------------------------------------


def participation(session: Session, lesson: Lesson, principal: Principal) -> Participation:
    """What a person may publish and watch in a lesson; to whoever has no part in it, it is not there."""
    target = require_for(session, lesson, principal, Action.LESSON_JOIN)
    found = _part(lesson, target, principal)
    if found is None:
        raise no_lesson(lesson.id)
    return found


def participations(
    session: Session, asked: Mapping[UUID, Collection[Principal]]
) -> tuple[dict[UUID, Lesson], dict[UUID, dict[Holder, Participation]]]:
    """The lessons of these ids that exist, and what those who are asked about may publish and watch in them.

    A few queries, however many lessons and principals there are.
    """
    lessons = {lesson.id: lesson for lesson in queries.lessons_by_ids(session, asked.keys())}
    paths = _paths_of(session, lessons.values())
    parts: dict[UUID, dict[Holder, Participation]] = {}
    for lesson_id, lesson in lessons.items():
        target = target_at(lesson, paths)
        found = {each.holder: _part(lesson, target, each) for each in asked[lesson_id]}
        parts[lesson_id] = {holder: part for holder, part in found.items() if part is not None}
    return lessons, parts


def _part(lesson: Lesson, target: Target, principal: Principal) -> Participation | None:
    if not allows(principal, Action.LESSON_JOIN, target):
        return None
    places = _places_of(lesson, target)
    answers = reach(principal, Action.LESSON_ANSWER)
    main_room = Target(lesson.county_id, room_ids=frozenset({lesson.main_room_id}))
    return participation_of(
        is_teacher=allows(principal, Action.LESSON_TEACH, target),
        assisted=[code for code, place in places.items() if answers.includes(place)],
        observes=allows(principal, Action.LESSON_OBSERVE, target),
        site_codes=places,
        presents=lesson.state if allows(principal, Action.LESSON_PRESENT, main_room) else None,
    )


def _places_of(lesson: Lesson, target: Target) -> dict[str, Target]:
    """The places that take part in a lesson, by site code, for what is done at one of them."""
    return {
        site.site_code: Target(
            lesson.county_id, site_paths=(path,), room_ids=frozenset({site.receiving_room_id})
        )
        for site, path in zip(_sites_of(lesson), target.site_paths, strict=True)
    }


def oversight(session: Session, lesson: Lesson, principal: Principal) -> Oversight:
    """Whose links a person may look at; to whoever has no part in the lesson, it is not there."""
    target = require_for(session, lesson, principal, Action.LESSON_QUALITY)
    taught = replace(target, paths=target.paths[:1], site_paths=(), room_ids=frozenset())
    places = _places_of(lesson, target)
    looks = reach(principal, Action.LESSON_QUALITY)
    return oversight_of(
        of_lesson=looks.includes(taught),
        own_sites=[
            code for code, place in places.items() if looks.includes(replace(place, paths=place.site_paths))
        ],
        site_codes=places,
    )


def actions_in(
    session: Session, lesson: Lesson, principal: Principal, actions: Collection[Action]
) -> frozenset[Action]:
    """Those of the actions that somebody may do in a lesson."""
    target = _target_of(session, lesson)
    return frozenset(action for action in actions if allows(principal, action, target))


def window_of(lesson: Lesson) -> OnAirWindow:
    """When media of this lesson are let through."""
    return OnAirWindow.of(lesson.starts_at, lesson.ends_at)


def takes_media(lesson: Lesson, now: datetime) -> bool:
    """Whether media of this lesson are let through now."""
    return lesson.state in TAKES_MEDIA and window_of(lesson).is_open(now)


def check_on_air(lesson: Lesson, now: datetime) -> OnAirWindow:
    """The window of a lesson that takes media now; raises `Conflict` with its times when it does not."""
    window = window_of(lesson)
    if takes_media(lesson, now):
        return window
    raise Conflict(
        "lesson.not_on_air",
        "Not on air",
        _why_not_on_air(lesson.state, window, now),
        state=lesson.state.value,
        opens_at=window.opens_at.isoformat(),
        starts_at=window.starts_at.isoformat(),
        ends_at=window.ends_at.isoformat(),
        closes_at=window.closes_at.isoformat(),
    )


def _why_not_on_air(state: LessonState, window: OnAirWindow, now: datetime) -> str:
    if state not in TAKES_MEDIA:
        return f"The lesson is {state.value}; it takes no sound and picture."
    if now < window.opens_at:
        return f"Too early: the lesson opens at {window.opens_at:%Y-%m-%d %H:%M} UTC. Try again then."
    return f"Too late: the lesson closed at {window.closes_at:%Y-%m-%d %H:%M} UTC."


# --- on the day ---------------------------------------------------------------------------------------------


def require_taught(session: Session, principal: Principal, action: Action, lesson_id: UUID) -> Lesson:
    """A lesson for what only its teacher and the admins of where it is taught do; the sites' schools look on."""
    lesson = get_lesson(session, lesson_id)
    target = require_for(session, lesson, principal, Action.LESSON_SHOW)
    if not allows(principal, action, replace(target, paths=target.paths[:1], site_paths=())):
        raise denied(action)
    return lesson


def end_lesson(session: Session, principal: Principal, lesson_id: UUID, now: datetime) -> Lesson:
    """End a lesson that is on the air, for good: as its teacher, or as an admin of where it is taught."""
    lesson = require_taught(session, principal, Action.LESSON_END, lesson_id)
    before = lesson.state
    if not queries.ended(session, lesson_id, now):
        raise Conflict(
            "lesson.wrong_state",
            "Not on air",
            f"A lesson that is {before.value} cannot be ended; only one that is on air can.",
            state=before.value,
        )
    queries.dismiss_sites(session, [lesson_id], now)
    subject = Subject("lesson", lesson_id, lesson.school_id)
    facts = {"state": LessonState.ENDED, "planned_end": lesson.ends_at}
    audit.note(
        session,
        Act.LESSON_ENDED,
        lesson.county_id,
        principal.person_id,
        subject,
        before={"state": before},
        after=facts,
    )
    return get_lesson(session, lesson_id)


def mark_publishing(session: Session, lesson_id: UUID, now: datetime) -> bool:
    """The teacher's picture arrives: the lesson is live. False when its state does not allow that."""
    return queries.went_live(session, lesson_id, now)


def mark_interrupted(session: Session, lesson_id: UUID, now: datetime) -> bool:
    """The teacher's picture ceased. False when the lesson was not live."""
    return queries.interrupted(session, lesson_id, now)


def mark_site_joined(session: Session, lesson_id: UUID, site_code: str, now: datetime) -> bool:
    """A teaching site receives the lesson. False when it has no part in it."""
    return queries.site_joined(session, lesson_id, site_code, now)


def mark_site_left(session: Session, lesson_id: UUID, site_code: str, now: datetime) -> bool:
    """A teaching site no longer receives the lesson. False when it did not."""
    return queries.site_left(session, lesson_id, site_code, now)


def count_on_air(session: Session, lesson_ids: Collection[UUID], now: datetime) -> None:
    """Count what ran until now of lessons on the air: no more than what follows is lost if the server dies."""
    queries.count_on_air(session, lesson_ids, now)


def forsake(session: Session, now: datetime) -> int:
    """Nobody is on the air: what an earlier server left so is interrupted, since it was last counted.

    Says how many lessons were live. They are again when their teachers come back.
    """
    return queries.forsake(session, now)


def follow_clock(session: Session, now: datetime) -> Sequence[UUID]:
    """Take the steps time alone decides: prepare, miss, end. Returns the lessons that ended.

    The same as `rules.state_by_the_clock` for every lesson, as whole sets.
    """
    queries.miss_overdue(session, now)
    queries.prepare_due(session, now)
    ended = queries.end_overdue(session, now)
    if ended:
        queries.dismiss_sites(session, ended, now)
    return ended
