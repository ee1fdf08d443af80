"""HTTP of changing the school calendar."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch
from app.errors import Conflict, Forbidden, Invalid, Unauthenticated, responses
from app.lessons import calendar_changes
from app.lessons.acts import doing_of
from app.lessons.calendar_changes import Effects
from app.lessons.naming import MOST_NAMED
from app.lessons.replanning import Unplanned
from app.schemas import Day, Output, example
from app.timetables.calendar_schemas import MarkedDays, SpecialDayOut, SpecialDays

router = APIRouter(prefix="/api/v1", tags=["timetables"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, Conflict, Invalid)
Setter = Annotated[Principal, may(Action.CALENDAR_SET)]
Lessons = Annotated[
    Literal["refuse", "follow"],
    Query(
        description="What becomes of planned lessons: `refuse` names those that would fall out or be added; `follow` "
        "cancels and adds them as far as nothing is in the way, and tells everybody"
    ),
]
_MISSING = {
    "entry_id": "16f7a8b9-0c1d-4e2f-9304-15263748596a",
    "date": "2026-10-10",
    "period": 2,
    "title": "Grade 3 English",
}


class FallingOut(Output):
    """A lesson on a day that will have none, or those of another weekday."""

    lesson_id: UUID
    date: date
    period: int
    title: str

    model_config = example(
        {
            "lesson_id": "27a8b9c0-1d2e-4f30-8415-263748596a7b",
            "date": "2026-10-01",
            "period": 2,
            "title": "Grade 3 English",
        }
    )


class MissingOut(Output):
    """A weekly lesson of the weekday that a day will follow."""

    entry_id: UUID
    date: date
    period: int
    title: str

    model_config = example(_MISSING)


class UnplannedOut(MissingOut):
    """A weekly lesson that cannot be added, and why."""

    code: str
    detail: str
    problem: dict[str, Any] = Field(
        description="The further members that the refusal of planning it would have, such as `clashes`"
    )

    model_config = example(
        {
            **_MISSING,
            "code": "room.closed",
            "detail": "R1 is closed from 2026-12-01; name another room, or end before that day.",
            "problem": {"room_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33", "closed_from": "2026-12-01"},
        }
    )

    @classmethod
    def of(cls, found: Unplanned) -> Self:
        return cls(
            entry_id=found.entry.id,
            date=found.day,
            period=found.entry.period,
            title=found.entry.title,
            code=found.error.code,
            detail=found.error.detail,
            problem=found.error.extra,
        )


class EffectsOut(Output):
    """What changing days would mean for the timetable: the first 50 lessons of each kind, and how many there are."""

    falling: list[FallingOut]
    missing: list[MissingOut] = Field(description="They would be added")
    unplanned: list[UnplannedOut] = Field(description="Those of them that something is in the way of")
    total_falling: int
    total_missing: int
    total_unplanned: int

    model_config = example(
        {
            "falling": [],
            "missing": [_MISSING],
            "unplanned": [],
            "total_falling": 0,
            "total_missing": 1,
            "total_unplanned": 0,
        }
    )

    @classmethod
    def of(cls, effects: Effects, unplanned: Sequence[Unplanned]) -> Self:
        return cls(
            falling=[
                FallingOut(lesson_id=each.id, date=each.date, period=each.period, title=each.title)
                for each in effects.falling[:MOST_NAMED]
            ],
            missing=[
                MissingOut(entry_id=entry.id, date=day, period=entry.period, title=entry.title)
                for day, entry in effects.missing[:MOST_NAMED]
            ],
            unplanned=[UnplannedOut.of(each) for each in unplanned[:MOST_NAMED]],
            total_falling=len(effects.falling),
            total_missing=len(effects.missing),
            total_unplanned=len(unplanned),
        )


class FollowedOut(Output):
    """What became of lessons."""

    added: int
    cancelled: int
    unplanned: list[UnplannedOut] = Field(description="Weekly lessons of these days that could not be added")

    model_config = example({"added": 0, "cancelled": 12, "unplanned": []})


class MarkedOut(SpecialDays):
    """Days that were marked, and what became of lessons."""

    lessons: FollowedOut

    model_config = example({"days": [], "lessons": {"added": 0, "cancelled": 12, "unplanned": []}})


@router.put("/calendar-days", summary="Mark special days", responses=_ON_CHANGE)
def mark_days(
    body: MarkedDays,
    request: Request,
    session: SessionDep,
    principal: Setter,
    seen: IfMatch,
    lessons: Lessons = "refuse",
) -> MarkedOut:
    """Make days holidays, make-up days, school days, or like any other again, all or none, as a bureau admin.

    Days on which lessons stand, or would have to be added, are refused with those lessons
    (`calendar.lessons_planned`), unless lessons shall follow. `If-Match` takes the tag of a term's calendar, which is
    that of the county's.
    """
    doing = doing_of(request, principal, seen=seen)
    marked = calendar_changes.mark_days(session, principal, body.drafts(), doing, follow=lessons == "follow")
    done = marked.lessons
    return MarkedOut(
        days=[SpecialDayOut.model_validate(day) for day in marked.days],
        lessons=FollowedOut(
            added=done.added,
            cancelled=done.cancelled,
            unplanned=[UnplannedOut.of(each) for each in done.unplanned],
        ),
    )


@router.post("/calendar-days/effects", summary="Ask what marking days would mean", responses=_ON_CHANGE)
def effects_of(body: MarkedDays, request: Request, session: SessionDep, principal: Setter) -> EffectsOut:
    """The lessons that would fall out or be added if these days were marked, and those that could not be added and
    why. Nothing is changed."""
    doing = doing_of(request, principal)
    return EffectsOut.of(*calendar_changes.try_days(session, principal, body.drafts(), doing))


@router.delete("/calendar-days/{day}", status_code=204, summary="Unmark a day", responses=_ON_CHANGE)
def unmark_day(
    day: Annotated[Day, Path(description="Such as 2026-10-01")],
    request: Request,
    session: SessionDep,
    principal: Setter,
    seen: IfMatch,
    lessons: Lessons = "refuse",
) -> None:
    """Make a day like any other of its weekday, as a bureau admin; refused like marking. `unmark` of
    `PUT /api/v1/calendar-days` does the same and tells what became of lessons."""
    doing = doing_of(request, principal, seen=seen)
    calendar_changes.mark_days(session, principal, {day: None}, doing, follow=lessons == "follow")
