"""HTTP of the trail: for the bureau, which looks after the county's people."""

import uuid
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import export, service
from app.audit.rules import Act
from app.audit.schemas import AuditEventOut
from app.audit.service import Search
from app.database import SessionDep, address_of
from app.errors import Forbidden, Invalid, Unauthenticated, responses
from app.schemas import Moment, Page, PageAfter, PageLimit, bad_cursor, decode_cursor, encode_cursor

router = APIRouter(prefix="/api/v1", tags=["audit"])

_ON_LIST = responses(Unauthenticated, Forbidden, Invalid)


def _search(
    principal: Annotated[Principal, may(Action.AUDIT_SHOW)],
    act: Annotated[list[Act] | None, Query(description="Only these acts")] = None,
    person_id: Annotated[uuid.UUID | None, Query(description="Only what this person did")] = None,
    subject_id: Annotated[uuid.UUID | None, Query(description="Only what was done to this")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="Only then or later")] = None,
    before: Annotated[Moment | None, Query(alias="to", description="Only before then")] = None,
) -> Search:
    return Search(principal.county_id, frozenset(act or ()), person_id, subject_id, since, before)


SearchDep = Annotated[Search, Depends(_search, scope="function")]


@router.get("/audit-events", summary="Search the trail", responses=_ON_LIST)
def list_audit_events(
    session: SessionDep, search: SearchDep, limit: PageLimit = 50, after: PageAfter = None
) -> Page[AuditEventOut]:
    """What was done in one's own county, the newest first. Nobody can change it unseen."""
    below = _number(decode_cursor(after, 1)[0]) if after else None
    events, following = service.list_events(session, search, below, limit)
    return Page(
        items=[AuditEventOut.of(each) for each in events],
        next=encode_cursor(str(following)) if following else None,
    )


@router.get(
    "/audit-events/export",
    summary="Take the trail away",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {}}},
        **_ON_LIST,
    },
)
def export_audit_events(
    request: Request,
    search: SearchDep,
    principal: Annotated[Principal, may(Action.AUDIT_SHOW)],
    form: Annotated[export.Format, Query(alias="format")] = export.Format.CSV,
) -> StreamingResponse:
    """All events the search finds, as CSV for spreadsheets (no cell begins like a formula) or JSON.

    The export itself is noted in the trail.
    """
    factory = request.app.state.session_factory
    facts = {"format": form, "query": sorted(request.query_params)}
    service.note_export(
        factory, address_of(request), Act.AUDIT_EXPORTED, principal.county_id, principal.person_id, facts
    )
    lines: Iterator[str] = export.lines(factory, search, form)
    headers = {
        "Content-Disposition": f'attachment; filename="audit.{form}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(lines, media_type=form.media_type, headers=headers)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise bad_cursor()
    return int(text)
