"""HTTP of terms, bells and the weekly timetable; what makes or moves lessons is in lessons."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, IfNoneMatch
from app.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed, Unauthenticated, responses
from app.listing import Paging
from app.schemas import SORT, BelowUnit, Day, Page, PageAfter, PageLimit, decode_pair, encode_cursor
from app.timetables import bells as bell_schedules
from app.timetables import service, terms
from app.timetables.models import BellSchedule
from app.timetables.schemas import (
    BellScheduleOut,
    NewTerm,
    TermOut,
    bells,
)
from app.timetables.service import TermDraft

router = APIRouter(prefix="/api/v1", tags=["timetables"])

_ON_CREATE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)
_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, PreconditionFailed)
_ON_SHOW = responses(Unauthenticated, Forbidden, NotFound)
_ON_LIST = responses(Unauthenticated)


@router.post("/terms", status_code=201, summary="Open a term", responses=_ON_CREATE)
def add_term(
    body: NewTerm,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERM_ADD)],
    response: Response,
) -> TermOut:
    """Open a term, as a bureau admin; with `periods` it gets the county's bells in the same step."""
    weekdays = frozenset(body.weekdays)
    draft = TermDraft(body.name, body.first_day, body.last_day, bells(body.periods), weekdays)
    term = service.add_term(session, principal, draft)
    response.headers["Location"] = f"/api/v1/terms/{term.id}"
    return TermOut.of(term)


@router.get("/terms", summary="List terms", responses=_ON_LIST)
def list_terms(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERM_SHOW)],
    on: Annotated[Day | None, Query(description="Only the term this day lies in")] = None,
    sort: Annotated[Literal["first_day", "-first_day"], SORT] = "first_day",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[TermOut]:
    """The terms of one's own county, by first day."""
    page = service.list_terms(session, principal.county_id, on, Paging(sort, after, limit))
    return Page(items=[TermOut.of(term) for term in page.items], next=page.next)


@router.get("/terms/{term_id}", summary="Show a term", response_model=TermOut, responses=_ON_SHOW)
def show_term(
    term_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERM_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One term of one's own county."""
    return known.answer(TermOut.of(service.show_term(session, principal, term_id)))


@router.delete("/terms/{term_id}", status_code=204, summary="Take a term back", responses=_ON_CHANGE)
def remove_term(
    term_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TERM_CHANGE)],
    seen: IfMatch,
) -> None:
    """Delete a term for which nothing was planned or counted: one that was opened by mistake."""
    terms.remove_term(session, principal, term_id, seen)


@router.get("/bell-schedules", summary="List bell schedules", responses=_ON_LIST)
def list_bell_schedules(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.BELLS_SHOW)],
    org_unit_id: BelowUnit = None,
    unit_id: Annotated[UUID | None, Query(description="Only those of this unit itself")] = None,
    on: Annotated[Day | None, Query(description="Only those in force on this day")] = None,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[BellScheduleOut]:
    """The bell schedules of one's own county, by first day: those of units that have some of their own."""
    start = decode_pair(after, date.fromisoformat, UUID) if after else None
    found, more = bell_schedules.list_schedules(
        session, principal.county_id, start, limit, org_unit_id=org_unit_id, unit_id=unit_id, on=on
    )
    return Page(
        items=[BellScheduleOut.model_validate(each) for each in found],
        next=encode_cursor(found[-1].valid_from.isoformat(), str(found[-1].id)) if more else None,
    )


@router.get(
    "/org-units/{org_unit_id}/bell-schedule",
    summary="Show the bells in force",
    response_model=BellScheduleOut,
    responses=_ON_SHOW,
)
def bells_in_force(
    org_unit_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.BELLS_SHOW)],
    on: Annotated[Day | None, Query(description="Today unless given")] = None,
) -> BellSchedule:
    """The bells a unit goes by on a day: its own, or those of the nearest unit above that has some."""
    return service.bells_in_force(session, principal, org_unit_id, on or principal.today)


@router.get(
    "/bell-schedules/{bell_schedule_id}",
    summary="Show a bell schedule",
    response_model=BellScheduleOut,
    responses=_ON_SHOW,
)
def show_bell_schedule(
    bell_schedule_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.BELLS_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One bell schedule of one's own county."""
    schedule = bell_schedules.require_schedule(session, principal, Action.BELLS_SHOW, bell_schedule_id)
    return known.answer(BellScheduleOut.model_validate(schedule))
