"""HTTP of putting bells in force and changing them, which may concern planned lessons."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, tagged
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import bell_changes
from app.lessons.acts import doing_of
from app.lessons.bell_effects import described
from app.lessons.planning_schemas import ClashOut
from app.schemas import Output, example
from app.timetables.models import BellSchedule
from app.timetables.schemas import BellCopy, BellPatch, BellScheduleOut, NewBellSchedule, bells
from app.timetables.service import BellDraft

router = APIRouter(prefix="/api/v1", tags=["timetables"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)
Adder = Annotated[Principal, may(Action.BELLS_ADD)]
Changer = Annotated[Principal, may(Action.BELLS_CHANGE)]
Lessons = Annotated[
    Literal["refuse", "follow"],
    Query(
        description="What becomes of planned lessons: `refuse` names those that would move or lose their period (409 "
        "`bells.lessons_planned`); `follow` moves them, cancels those without a period, and tells everybody"
    ),
]
_MOVING = {
    "lesson_id": "27a8b9c0-1d2e-4f30-8415-263748596a7b",
    "date": "2026-10-08",
    "period": 2,
    "title": "Grade 3 English",
    "starts_at": "2026-10-08T00:50:00Z",
    "new_starts_at": "2026-10-08T01:10:00Z",
    "new_ends_at": "2026-10-08T01:50:00Z",
    "site_id": None,
}
_CLASH = {
    "resource": "teacher",
    "id": "9f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5",
    "name": "王敏 Wang Min",
    "lesson_id": "38b9c0d1-2e3f-4041-9526-374859607b8c",
    "title": "Grade 5 English",
    "starts_at": "2026-10-08T01:30:00Z",
    "ends_at": "2026-10-08T02:10:00Z",
    "moving": _MOVING,
}


class ConcernedLesson(Output):
    """A planned lesson that a change of bells concerns."""

    lesson_id: UUID
    date: date
    period: int
    title: str
    starts_at: AwareDatetime
    new_starts_at: AwareDatetime | None
    new_ends_at: AwareDatetime | None
    site_id: UUID | None = Field(description="The site without a period at that time")

    model_config = example(_MOVING)


class BellClashOut(ClashOut):
    """A lesson that would move to where its teacher, a room or a group has another one, which is named."""

    moving: ConcernedLesson

    model_config = example(_CLASH)


class BellEffectsOut(Output):
    """What a change of bells would mean for planned lessons: the first 50 of each kind, and how many there are."""

    moving: list[ConcernedLesson]
    falling: list[ConcernedLesson] = Field(description="They lose their period")
    apart: list[ConcernedLesson] = Field(description="Outside of a site's periods: the change is refused")
    clashes: list[BellClashOut] = Field(description="Other lessons are in the way: the change is refused")
    total_moving: int
    total_falling: int
    total_apart: int
    total_clashes: int

    model_config = example(
        {
            "moving": [_MOVING],
            "falling": [],
            "apart": [],
            "clashes": [_CLASH],
            "total_moving": 1,
            "total_falling": 0,
            "total_apart": 0,
            "total_clashes": 1,
        }
    )


@router.post(
    "/bell-schedules",
    status_code=201,
    summary="Put bells in force",
    response_model=BellScheduleOut,
    responses=_ON_CHANGE,
)
def add_bell_schedule(
    body: NewBellSchedule,
    request: Request,
    session: SessionDep,
    principal: Adder,
    lessons: Lessons = "refuse",
) -> Response:
    """Give an org unit bells for some days: bureau admins anywhere, school admins in their school."""
    doing = doing_of(request, principal)
    schedule = bell_changes.add_bells(
        session, principal, _draft(body), doing, cut=body.cut_others, follow=lessons == "follow"
    )
    return _shown(schedule, 201)


@router.post("/bell-schedules/effects", summary="Ask what new bells would mean", responses=_ON_CHANGE)
def effects_of_adding(
    body: NewBellSchedule, request: Request, session: SessionDep, principal: Adder
) -> BellEffectsOut:
    """The lessons that would move or lose their period if these bells were put in force, and what would forbid it:
    sites without such a period, and other lessons in the way. Nothing is changed."""
    effects = bell_changes.effects_of_adding(
        session, principal, _draft(body), doing_of(request, principal), cut=body.cut_others
    )
    return BellEffectsOut.model_validate(described(effects))


@router.patch(
    "/bell-schedules/{bell_schedule_id}",
    summary="Change bells",
    response_model=BellScheduleOut,
    responses=_ON_CHANGE,
)
def change_bell_schedule(
    bell_schedule_id: UUID,
    body: BellPatch,
    request: Request,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
    lessons: Lessons = "refuse",
) -> Response:
    """Change the name, the days or the periods of a schedule; lessons that are over stay as they were."""
    doing = doing_of(request, principal, seen=seen)
    schedule = bell_changes.change_bells(
        session, principal, bell_schedule_id, body.fields(), doing, follow=lessons == "follow"
    )
    return _shown(schedule)


@router.post(
    "/bell-schedules/{bell_schedule_id}/effects",
    summary="Ask what changing bells would mean",
    responses=_ON_CHANGE,
)
def effects_of_changing(
    bell_schedule_id: UUID, body: BellPatch, request: Request, session: SessionDep, principal: Changer
) -> BellEffectsOut:
    """The lessons that would move or lose their period if a schedule were changed so. Nothing is changed."""
    effects = bell_changes.effects_of_changing(
        session, principal, bell_schedule_id, body.fields(), doing_of(request, principal)
    )
    return BellEffectsOut.model_validate(described(effects))


@router.post(
    "/bell-schedules/{bell_schedule_id}/copy",
    status_code=201,
    summary="Copy bells",
    response_model=BellScheduleOut,
    responses=_ON_CHANGE,
)
def copy_bell_schedule(
    bell_schedule_id: UUID,
    body: BellCopy,
    request: Request,
    session: SessionDep,
    principal: Adder,
    lessons: Lessons = "refuse",
) -> Response:
    """Put a schedule's periods in force on other days or at another unit too: last year's winter bells, say.

    With `cut_others` it takes over its days from the schedules of the unit that have them: winter begins within one
    request. `periods` that are given take the place of the copied ones.
    """
    doing = doing_of(request, principal)
    schedule = bell_changes.copy_bells(
        session,
        principal,
        bell_schedule_id,
        body.fields(),
        doing,
        cut=body.cut_others,
        follow=lessons == "follow",
    )
    return _shown(schedule, 201)


@router.post(
    "/bell-schedules/{bell_schedule_id}/copy/effects",
    summary="Ask what copying bells would mean",
    responses=_ON_CHANGE,
)
def effects_of_copying(
    bell_schedule_id: UUID, body: BellCopy, request: Request, session: SessionDep, principal: Adder
) -> BellEffectsOut:
    """The lessons that would move or lose their period if a schedule were copied so. Nothing is changed."""
    doing, cut = doing_of(request, principal), body.cut_others
    effects = bell_changes.effects_of_copying(
        session, principal, bell_schedule_id, body.fields(), doing, cut=cut
    )
    return BellEffectsOut.model_validate(described(effects))


@router.delete(
    "/bell-schedules/{bell_schedule_id}", status_code=204, summary="Take bells back", responses=_ON_CHANGE
)
def remove_bell_schedule(
    bell_schedule_id: UUID,
    request: Request,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
    lessons: Lessons = "refuse",
) -> None:
    """Take bells back that have not begun to ring; those that have are ended by another `valid_to` (`bells.begun`)."""
    doing = doing_of(request, principal, seen=seen)
    bell_changes.remove_bells(session, principal, bell_schedule_id, doing, follow=lessons == "follow")


@router.post(
    "/bell-schedules/{bell_schedule_id}/delete/effects",
    summary="Ask what taking bells back would mean",
    responses=_ON_CHANGE,
)
def effects_of_removing(
    bell_schedule_id: UUID, request: Request, session: SessionDep, principal: Changer
) -> BellEffectsOut:
    """The lessons that would move or lose their period if a schedule were deleted. Nothing is changed."""
    effects = bell_changes.effects_of_removing(
        session, principal, bell_schedule_id, doing_of(request, principal)
    )
    return BellEffectsOut.model_validate(described(effects))


def _draft(body: NewBellSchedule) -> BellDraft:
    return BellDraft(body.org_unit_id, body.name, body.valid_from, body.valid_to, bells(body.periods))


def _shown(schedule: BellSchedule, status_code: int = 200) -> Response:
    location = f"/api/v1/bell-schedules/{schedule.id}" if status_code == 201 else None
    return tagged(BellScheduleOut.model_validate(schedule), status_code, location)
