"""HTTP of copying entries into another term."""

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.lessons import copying
from app.lessons.acts import doing_of
from app.lessons.planning_routes import ON_PLAN
from app.schemas import Input, Output, example

router = APIRouter(prefix="/api/v1/timetable-entries/copy", tags=["timetables"])

_TERM = "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6"
_ENTRY = "16f7a8b9-0c1d-4e2f-9304-15263748596a"
_COPIED = {"from_id": _ENTRY, "entry_id": "27081930-4152-4637-8485-96a7b8c9d0e1", "lessons": 18}
_LEFT = {
    "entry_id": _ENTRY,
    "code": "pairing.not_active",
    "detail": "There is no active pairing …; renew it first.",
}
Planner = Annotated[Principal, may(Action.ENTRY_CHANGE)]


class EntriesToCopy(Input):
    """Entries of one term that another one shall have, too."""

    term_id: UUID = Field(description="The term they are copied into")
    entry_ids: list[UUID] = Field(min_length=1, max_length=50)
    publish: bool = Field(False, description="Drafts otherwise")
    others: Literal["refuse", "leave"] = Field(
        "refuse", description="When some cannot be copied: refuse all, or leave those and name them"
    )

    model_config = example({"term_id": _TERM, "entry_ids": [_ENTRY]})


class CopiedOut(Output):
    """An entry that was copied."""

    from_id: UUID
    entry_id: UUID = Field(description="The new one")
    lessons: int

    model_config = example(_COPIED)


class NotCopiedOut(Output):
    """An entry that was not, and why."""

    entry_id: UUID
    code: str
    detail: str

    model_config = example(_LEFT)


class CopyOutcomeOut(Output):
    """What became of the entries."""

    copied: list[CopiedOut]
    left: list[NotCopiedOut]

    model_config = example({"copied": [_COPIED], "left": [_LEFT]})

    @classmethod
    def of(cls, outcome: copying.Outcome) -> Self:
        return cls(
            copied=[CopiedOut.model_validate(each) for each in outcome.copied],
            left=[
                NotCopiedOut(entry_id=each.entry_id, code=each.error.code, detail=each.error.detail)
                for each in outcome.left
            ],
        )


@router.post("", summary="Copy weekly lessons into another term", responses=ON_PLAN)
def copy_entries(
    body: EntriesToCopy, request: Request, session: SessionDep, principal: Planner
) -> CopyOutcomeOut:
    """Begin a term with the timetable of the last one, some entries at a time: teacher, rooms, groups, weekday, period
    and weeks stay, the days are those of the new term. Each is checked as a new one is; those that cannot be are named
    with the reason (409 `timetable.not_copied`), or left out. What is there already clashes, and so is not doubled."""
    outcome = copying.copy_entries(
        session,
        principal,
        body.term_id,
        body.entry_ids,
        doing_of(request, principal),
        publish=body.publish,
        leave=body.others == "leave",
    )
    return CopyOutcomeOut.of(outcome)


@router.post("/effects", summary="Ask what copying weekly lessons would mean", responses=ON_PLAN)
def effects_of_copying(
    body: EntriesToCopy, request: Request, session: SessionDep, principal: Planner
) -> CopyOutcomeOut:
    """Which entries could be copied, with how many lessons, and which not and why. Nothing is changed."""
    doing = doing_of(request, principal)
    return CopyOutcomeOut.of(copying.try_copying(session, principal, body.term_id, body.entry_ids, doing))
