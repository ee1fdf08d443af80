"""HTTP of calling off many lessons at once."""

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import many
from app.lessons.acts import doing_of
from app.schemas import Day, Input, Name, Output, example

router = APIRouter(prefix="/api/v1", tags=["lessons"])

_TOWNSHIP = "0b1de0c2-51a5-4d1c-8a55-6f0d1c2b3a44"
_LESSON = "27a8b9c0-1d2e-4f30-8415-263748596a7b"
_LEFT = {"id": _LESSON, "code": "lesson.wrong_state", "detail": "A lesson that is live cannot be cancelled."}


class ManyCancellations(Input):
    """Which lessons do not take place: those of an org unit on a day, or some by their ids."""

    org_unit_id: UUID | None = Field(None, description="With `date`: of this unit and of all below it")
    date: Day | None = None
    lesson_ids: list[UUID] = Field([], max_length=500, description="Instead of a unit and a day")
    reason: Name = Field(description="Shown to teachers and sites")
    others: Literal["refuse", "leave"] = Field(
        "refuse", description="When some cannot be called off: refuse all, or leave those and name them"
    )

    model_config = example(
        {"org_unit_id": _TOWNSHIP, "date": "2026-11-23", "reason": "大雪封路 Road closed by snow"}
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_day = self.org_unit_id is not None and self.date is not None
        by_part = (self.org_unit_id is None) != (self.date is None)
        if by_part or by_day == bool(self.lesson_ids):
            raise PydanticCustomError("which_lessons", "Give `org_unit_id` and `date`, or `lesson_ids`")
        return self


class LeftOut(Output):
    """A lesson that was not called off, and why."""

    id: UUID
    code: str
    detail: str

    model_config = example(_LEFT)


class CalledOffOut(Output):
    """What became of the lessons."""

    cancelled_ids: list[UUID]
    without_sites_ids: list[UUID] = Field(description="Take place, without the sites of the org unit")
    left: list[LeftOut]

    model_config = example({"cancelled_ids": [_LESSON], "without_sites_ids": [], "left": []})


@router.post(
    "/lessons/cancel",
    summary="Cancel many lessons",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def cancel_lessons(
    body: ManyCancellations,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LESSON_CANCEL)],
) -> CalledOffOut:
    """Call off what a township, a school or a site has on a day, or some lessons, all at once.

    Lessons given there are cancelled; those that only reach there go on without those sites, or are cancelled when
    none is left. When some have begun, the answer is 409 `lesson.some_refused` with `refused`, and nothing is done,
    unless `others` says `leave`.
    """
    doing = doing_of(request, principal, body.reason)
    leave = body.others == "leave"
    if body.org_unit_id is not None and body.date is not None:
        done = many.cancel_day(session, principal, body.org_unit_id, body.date, doing, leave=leave)
    else:
        done = many.cancel_lessons(session, principal, set(body.lesson_ids), doing, leave=leave)
    return CalledOffOut(
        cancelled_ids=[each.id for each in done.cancelled],
        without_sites_ids=[each.id for each in done.without_sites],
        left=[LeftOut(id=each.lesson_id, code=each.code, detail=each.detail) for each in done.left],
    )
