"""HTTP of looking at weekly lessons; whether they still give any is for the lessons domain to say."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.reach import Target, allows
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfNoneMatch
from app.errors import Forbidden, NotFound, Unauthenticated, responses
from app.lessons import bulk
from app.listing import Paging
from app.schemas import SORT, BelowUnit, Page, PageAfter, PageLimit, example
from app.timetables import service
from app.timetables.models import TimetableEntry
from app.timetables.schemas import TimetableEntryOut
from app.timetables.service import Search

router = APIRouter(prefix="/api/v1", tags=["timetables"])

Reader = Annotated[Principal, may(Action.ENTRY_SHOW)]


class PlannedEntryOut(TimetableEntryOut):
    """A weekly lesson, and whether anything is left of it."""

    called_off: bool = Field(
        description="All its lessons to come were called off, one by one: it gives none any more, though its days go "
        "on. Change it or end it"
    )

    model_config = example(
        {**TimetableEntryOut.model_config["json_schema_extra"]["example"], "called_off": False}  # type: ignore[index,dict-item]
    )


def _shown(
    session: Session, principal: Principal, entries: Sequence[TimetableEntry]
) -> list[PlannedEntryOut]:
    off = bulk.entries_called_off(session, entries, principal.today)
    shown = [(each, TimetableEntryOut.model_validate(each).model_dump()) for each in entries]
    return [PlannedEntryOut(**values, called_off=each.id in off) for each, values in shown]


@router.get("/timetable-entries", summary="List timetable entries", responses=responses(Unauthenticated))
def list_entries(
    session: SessionDep,
    principal: Reader,
    term_id: Annotated[UUID | None, Query(description="Only those of this term")] = None,
    main_room_id: Annotated[UUID | None, Query(description="Only those of this main room")] = None,
    teacher_id: Annotated[UUID | None, Query(description="Only those of this teacher")] = None,
    room_id: Annotated[UUID | None, Query(description="Only those given in this room or reaching it")] = None,
    org_unit_id: BelowUnit = None,
    subject: Annotated[str | None, Query(max_length=50, description="Only those of this subject")] = None,
    weekday: Annotated[int | None, Query(ge=1, le=7, description="Only those of this weekday")] = None,
    published: Annotated[bool | None, Query(description="Only what everybody sees, or only drafts")] = None,
    sort: Annotated[Literal["slot", "-slot", "title", "-title"], SORT] = "slot",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[PlannedEntryOut]:
    """The weekly timetable of one's own county, by weekday and period unless asked otherwise."""
    search = Search(
        principal.county_id,
        term_id,
        main_room_id,
        teacher_id,
        drafts=allows(principal, Action.ENTRY_PLAN, Target(principal.county_id)),
        room_id=room_id,
        subject=subject,
        weekday=weekday,
        published=published,
    )
    page = service.list_entries(session, search, org_unit_id, Paging(sort, after, limit))
    return Page(items=_shown(session, principal, page.items), next=page.next)


@router.get(
    "/timetable-entries/{entry_id}",
    summary="Show a timetable entry",
    response_model=PlannedEntryOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_entry(
    entry_id: UUID,
    session: SessionDep,
    principal: Reader,
    known: IfNoneMatch,
) -> Response:
    """One weekly lesson of one's own county."""
    return known.answer(*_shown(session, principal, [service.show_entry(session, principal, entry_id)]))
