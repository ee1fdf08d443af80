"""HTTP of changing the school calendar."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Conflict, Forbidden, Invalid, Unauthenticated, responses
from app.lessons import calendar_changes
from app.lessons.calendar_changes import Effects
from app.schemas import Output, example
from app.timetables.calendar_schemas import MarkedDays, SpecialDayOut, SpecialDays

router = APIRouter(prefix="/api/v1", tags=["timetables"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, Conflict, Invalid)


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

    model_config = example(
        {
            "entry_id": "16f7a8b9-0c1d-4e2f-9304-15263748596a",
            "date": "2026-10-10",
            "period": 2,
            "title": "Grade 3 English",
        }
    )


class EffectsOut(Output):
    """What changing days would mean for the timetable."""

    falling: list[FallingOut]
    missing: list[MissingOut]

    model_config = example({"falling": [], "missing": []})

    @classmethod
    def of(cls, effects: Effects) -> Self:
        return cls(
            falling=[
                FallingOut(lesson_id=each.id, date=each.date, period=each.period, title=each.title)
                for each in effects.falling
            ],
            missing=[
                MissingOut(entry_id=entry.id, date=day, period=entry.period, title=entry.title)
                for day, entry in effects.missing
            ],
        )


@router.put("/calendar-days", summary="Mark special days", responses=_ON_CHANGE)
def mark_days(
    body: MarkedDays, session: SessionDep, principal: Annotated[Principal, may(Action.CALENDAR_SET)]
) -> SpecialDays:
    """Make days holidays, make-up days or school days, all or none, as a bureau admin.

    Days on which lessons stand, or would have to be added, are refused with those lessons
    (`calendar.lessons_planned`): mark days before planning, or cancel and move first.
    """
    marked = calendar_changes.mark_days(session, principal, body.drafts())
    return SpecialDays(days=[SpecialDayOut.model_validate(day) for day in marked])


@router.post("/calendar-days/effects", summary="Ask what marking days would mean", responses=_ON_CHANGE)
def effects_of(
    body: MarkedDays, session: SessionDep, principal: Annotated[Principal, may(Action.CALENDAR_SET)]
) -> EffectsOut:
    """The lessons that would fall or be missing if these days were marked. Nothing is changed."""
    return EffectsOut.of(calendar_changes.effects_of(session, principal, body.drafts()))


@router.delete("/calendar-days/{day}", status_code=204, summary="Unmark a day", responses=_ON_CHANGE)
def unmark_day(
    day: Annotated[date, Path(description="Such as 2026-10-01")],
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CALENDAR_SET)],
) -> None:
    """Make a day like any other of its weekday, as a bureau admin; refused like marking."""
    calendar_changes.unmark_day(session, principal, day)
