"""HTTP of changing a term, which its timetable may follow."""

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, tagged
from app.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed, Unauthenticated, responses
from app.lessons import term_changes
from app.lessons.acts import doing_of
from app.lessons.calendar_routes import UnplannedOut
from app.lessons.naming import MOST_NAMED
from app.lessons.term_changes import Followed
from app.schemas import Output, example
from app.timetables import terms
from app.timetables.schemas import TermOut, TermPatch

router = APIRouter(prefix="/api/v1/terms/{term_id}", tags=["timetables"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, PreconditionFailed)
_EFFECTS = {
    "entries_extended": 42,
    "entries_ended": 0,
    "bell_schedules_extended": 1,
    "added": 40,
    "cancelled": 0,
    "unplanned": [],
    "total_unplanned": 0,
}
Changer = Annotated[Principal, may(Action.TERM_CHANGE)]
Lessons = Annotated[
    Literal["keep", "follow"],
    Query(
        description="What becomes of the timetable: with `keep` entries and bells keep their days, and a term is not "
        "shortened under them; `follow` lets those that ran to its end go on to the new one, ends those beyond it and "
        "cancels their lessons there, and tells everybody"
    ),
]


class TermEffectsOut(Output):
    """What becomes of a timetable that follows its term."""

    entries_extended: int = Field(description="They ran to the term's end, and go on to the new one")
    entries_ended: int = Field(description="They end with the term's new days")
    bell_schedules_extended: int
    added: int = Field(description="Lessons")
    cancelled: int = Field(description="Lessons beyond the new days")
    unplanned: list[UnplannedOut] = Field(
        description=f"Lessons that something is in the way of, the first {MOST_NAMED}. An entry that would get no "
        "lesson at all stays as it was: change its `last_day` when the reason is gone"
    )
    total_unplanned: int

    model_config = example(_EFFECTS)

    @classmethod
    def of(cls, done: Followed) -> Self:
        lessons = done.lessons
        return cls(
            entries_extended=done.entries_extended,
            entries_ended=done.entries_ended,
            bell_schedules_extended=done.bell_schedules_extended,
            added=lessons.added,
            cancelled=lessons.cancelled,
            unplanned=[UnplannedOut.of(each) for each in lessons.unplanned[:MOST_NAMED]],
            total_unplanned=len(lessons.unplanned),
        )


class ChangedTermOut(TermOut):
    """A term that was changed."""

    timetable: TermEffectsOut | None = Field(
        description="With `lessons=follow`: what became of the timetable"
    )

    model_config = example(
        {**TermOut.model_config["json_schema_extra"]["example"], "timetable": _EFFECTS}  # type: ignore[index,dict-item]
    )


@router.patch("", summary="Change a term", response_model=ChangedTermOut, responses=_ON_CHANGE)
def change_term(
    term_id: UUID,
    body: TermPatch,
    request: Request,
    session: SessionDep,
    principal: Changer,
    seen: IfMatch,
    lessons: Lessons = "keep",
) -> Response:
    """Change the name, the days or the weekdays of a term, while its weeks stay and no lesson is left outside of it
    (`term.still_planned`), or with `lessons=follow` the timetable with it. Agreements keep their days: where one ends
    with the old term, its lessons are among the `unplanned`."""
    if lessons == "keep":
        term = terms.change_term(session, principal, term_id, body.fields(), seen)
        return tagged(ChangedTermOut(**TermOut.of(term).model_dump(), timetable=None))
    doing = doing_of(request, principal, seen=seen)
    term, done = term_changes.change_term(session, principal, term_id, body.fields(), doing)
    return tagged(ChangedTermOut(**TermOut.of(term).model_dump(), timetable=TermEffectsOut.of(done)))


@router.post("/effects", summary="Ask what changing a term would mean", responses=_ON_CHANGE)
def effects_of_changing(
    term_id: UUID, body: TermPatch, request: Request, session: SessionDep, principal: Changer
) -> TermEffectsOut:
    """What would become of the timetable if it followed the term (`lessons=follow`): what is added, ends, or cannot be
    added and why. Nothing is changed."""
    doing = doing_of(request, principal)
    return TermEffectsOut.of(term_changes.try_change(session, principal, term_id, body.fields(), doing))
