"""HTTP of changing one lesson."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch
from app.lessons import on_the_day
from app.lessons.acts import doing_of
from app.lessons.planning_routes import ON_PLAN
from app.lessons.planning_schemas import Cancellation, Move, RoomsChange, SitesChange, Substitution
from app.lessons.routes import shown
from app.lessons.schemas import LessonOut

router = APIRouter(prefix="/api/v1/lessons/{lesson_id}", tags=["lessons"], responses=ON_PLAN)

Changer = Annotated[Principal, may(Action.LESSON_CHANGE)]


@router.post("/cancel", summary="Cancel a lesson")
def cancel_lesson(
    lesson_id: UUID,
    body: Cancellation,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LESSON_CANCEL)],
    seen: IfMatch,
) -> LessonOut:
    """Call off a lesson that has not begun, as bureau admin or admin of its school, and free its rooms."""
    doing = doing_of(request, principal, body.reason, seen)
    return shown(session, on_the_day.cancel_lesson(session, principal, lesson_id, doing))


@router.post("/move", summary="Move a lesson")
def move_lesson(
    lesson_id: UUID, body: Move, request: Request, session: SessionDep, principal: Changer, seen: IfMatch
) -> LessonOut:
    """Give a lesson on another day or in another period; the answer is the lesson that takes its place.

    It keeps the `calendar_uid`, so that it moves in people's calendars as well; the old one stays as `moved`.
    """
    doing = doing_of(request, principal, body.reason, seen)
    new = on_the_day.move_lesson(session, principal, lesson_id, body.date, body.period, doing)
    return shown(session, new)


@router.post("/substitute", summary="Let somebody else teach")
def substitute_teacher(
    lesson_id: UUID,
    body: Substitution,
    request: Request,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
) -> LessonOut:
    """Let somebody else teach a lesson; `substitute_for` names who was to. Naming that person ends it."""
    doing = doing_of(request, principal, body.reason, seen)
    return shown(
        session, on_the_day.substitute_teacher(session, principal, lesson_id, body.teacher_id, doing)
    )


@router.post("/rooms", summary="Change rooms")
def change_rooms(
    lesson_id: UUID,
    body: RoomsChange,
    request: Request,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
) -> LessonOut:
    """Give a lesson from another main room, or to other rooms of its sites; each pair needs its pairing."""
    swaps = {each.planned_id: each.instead_id for each in body.receiving_rooms}
    doing = doing_of(request, principal, body.reason, seen)
    changed = on_the_day.change_rooms(session, principal, lesson_id, body.main_room_id, swaps, doing)
    return shown(session, changed)


@router.post("/sites", summary="Add and drop sites")
def change_sites(
    lesson_id: UUID,
    body: SitesChange,
    request: Request,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
) -> LessonOut:
    """Let other sites take part in a lesson, within the capacity of its pairings."""
    doing = doing_of(request, principal, body.reason, seen)
    changed = on_the_day.change_sites(
        session, principal, lesson_id, body.add_room_ids, body.drop_site_ids, body.pupil_group_ids, doing
    )
    return shown(session, changed)


@router.post("/make-up", status_code=201, summary="Make up for a lesson")
def make_up(
    lesson_id: UUID,
    body: Move,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
) -> LessonOut:
    """Give a lesson that was cancelled or missed after all; the answer is the lesson that makes up for it."""
    doing = doing_of(request, principal, body.reason, seen)
    made = on_the_day.make_up(session, principal, lesson_id, body.date, body.period, doing)
    response.headers["Location"] = f"/api/v1/lessons/{made.id}"
    return shown(session, made)
