"""HTTP of looking at the school calendar; changing it may concern lessons, so it is in lessons."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfNoneMatch
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.schemas import Day, Page, PageAfter, PageLimit, bad_cursor, decode_cursor, encode_cursor
from app.timetables import special_days
from app.timetables.calendar_schemas import SpecialDayOut, SpecialDays, TermCalendar

router = APIRouter(prefix="/api/v1", tags=["timetables"])


@router.get("/calendar-days", summary="List special days", responses=responses(Unauthenticated))
def list_days(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CALENDAR_SHOW)],
    first: Annotated[Day | None, Query(alias="from", description="Only days from this one on")] = None,
    to: Annotated[Day | None, Query(description="Only days up to this one")] = None,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[SpecialDayOut]:
    """Holidays, make-up days and open weekend days of one's own county, in order."""
    start = first
    if after:
        start = max(_day_after(decode_cursor(after, 1)[0]), first or date.min)
    days, more = special_days.list_days(session, principal.county_id, start, to, limit)
    return Page(
        items=[SpecialDayOut.model_validate(day) for day in days],
        next=encode_cursor(days[-1].date.isoformat()) if more else None,
    )


def _day_after(text: str) -> date:
    try:
        return date.fromordinal(date.fromisoformat(text).toordinal() + 1)
    except ValueError:
        raise bad_cursor() from None


@router.get(
    "/terms/{term_id}/calendar",
    summary="Show a term's calendar",
    response_model=TermCalendar,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def term_calendar(
    term_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CALENDAR_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """Every day of a term: its week, whose timetable it follows, and what makes it special. `version` is that of the
    county's calendar, of all terms."""
    return known.answer(TermCalendar.of(special_days.term_calendar(session, principal, term_id)))


@router.get(
    "/terms/{term_id}/public-holidays",
    summary="Propose public holidays",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def propose(
    term_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.CALENDAR_SHOW)],
    country: Annotated[str, Query(pattern="^[A-Z]{2}$", description="ISO 3166-1 code")] = "CN",
    language: Annotated[Literal["zh", "en"], Query(description="Of the names, where it is known")] = "zh",
) -> SpecialDays:
    """A country's holidays and shifted working days that the term's calendar lacks: give those you confirm to
    `PUT /api/v1/calendar-days`. Nothing is changed by asking."""
    found = special_days.propose(session, principal, term_id, country, language)
    return SpecialDays(days=[SpecialDayOut.proposed(day) for day in found])
