"""HTTP of suggesting main rooms."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.pairings.schemas import Subject
from app.pairings.scoring import Item, Suggestion
from app.schemas import Output, example
from app.timetables import suggesting

router = APIRouter(prefix="/api/v1", tags=["pairings"])

_CAPACITY = {"item": "capacity", "fact": 2, "points": 20}


class ReasonOut(Output):
    """One item that was weighed."""

    item: Item
    fact: float | None = Field(
        description="capacity: sites it has room for; subject: weekly lessons in it; bells: periods a week that "
        "both have and are free; link: Mbit/s of the slower line, null when not declared; nearness: units "
        "below the county that both belong to; distance: kilometres as the crow flies, which count instead of "
        "nearness, null without coordinates; load: weekly lessons of the room"
    )
    points: int

    model_config = example(_CAPACITY)


_SUGGESTION = {
    "main_room_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33",
    "name": "梅山镇中心小学 主课堂 1",
    "is_possible": True,
    "points": 20,
    "reasons": [_CAPACITY],
}


class SuggestionOut(Output):
    """A main room that could teach the site."""

    main_room_id: UUID
    name: str
    is_possible: bool = Field(description="It has capacity left, and a period that both have")
    points: int
    reasons: list[ReasonOut]

    model_config = example(_SUGGESTION)

    @classmethod
    def of(cls, suggestion: Suggestion) -> Self:
        return cls(
            main_room_id=suggestion.candidate.room_id,
            name=suggestion.candidate.name,
            is_possible=suggestion.is_possible,
            points=suggestion.points,
            reasons=[ReasonOut.model_validate(reason) for reason in suggestion.reasons],
        )


class Suggestions(Output):
    """Main rooms, the best one first."""

    items: list[SuggestionOut]

    model_config = example({"items": [_SUGGESTION]})


@router.get(
    "/pairings/suggestions",
    summary="Suggest main rooms for a site",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def suggest(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_SUGGEST)],
    site_id: Annotated[UUID, Query(description="The teaching site or school with the receiving room")],
    subject: Annotated[Subject, Query()],
    term_id: Annotated[UUID, Query(description="Whose bells, agreements and timetable count")],
    minimum_link_mbps: Annotated[float | None, Query(gt=0, le=100_000, allow_inf_nan=False)] = None,
    limit: Annotated[int, Query(ge=1, le=suggesting.MOST)] = 10,
) -> Suggestions:
    """Rank the county's main rooms for a site and say why, item by item; nothing is proposed by asking."""
    found = suggesting.suggest(session, principal, site_id, subject, term_id, minimum_link_mbps, limit)
    return Suggestions(items=[SuggestionOut.of(suggestion) for suggestion in found])
