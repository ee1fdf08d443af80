"""HTTP of pairings."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.pairings import service
from app.pairings.models import Pairing
from app.pairings.schemas import NewPairing, PairingOut
from app.pairings.service import PairingDraft, Search
from app.schemas import Page, PageAfter, PageLimit, decode_pair, encode_cursor

router = APIRouter(prefix="/api/v1", tags=["pairings"])


@router.post(
    "/pairings",
    status_code=201,
    summary="Pair a main classroom with a teaching site",
    response_model=PairingOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def add_pairing(
    body: NewPairing,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_ADD)],
    response: Response,
) -> Pairing:
    """Make a dated agreement, as a bureau admin. It is active at once, and lessons may be planned on it."""
    draft = PairingDraft(
        main_room_id=body.main_room_id,
        receiving_room_id=body.receiving_room_id,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        subjects=tuple(body.subjects),
        capacity=body.capacity,
    )
    pairing = service.add_pairing(session, principal, draft)
    response.headers["Location"] = f"/api/v1/pairings/{pairing.id}"
    return pairing


@router.get("/pairings", summary="List pairings", responses=responses(Unauthenticated))
def list_pairings(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_SHOW)],
    main_room_id: Annotated[UUID | None, Query(description="Only those of this main room")] = None,
    receiving_room_id: Annotated[UUID | None, Query(description="Only those of this receiving room")] = None,
    on: Annotated[date | None, Query(description="Only those whose days include this one")] = None,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[PairingOut]:
    """The pairings of one's own county, by first day."""
    search = Search(principal.county_id, main_room_id, receiving_room_id, on)
    start = decode_pair(after, date.fromisoformat, UUID) if after else None
    pairings, more = service.list_pairings(session, search, start, limit)
    return Page(
        items=[PairingOut.model_validate(pairing) for pairing in pairings],
        next=encode_cursor(pairings[-1].valid_from.isoformat(), str(pairings[-1].id)) if more else None,
    )


@router.get(
    "/pairings/{pairing_id}",
    summary="Show a pairing",
    response_model=PairingOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_pairing(
    pairing_id: UUID, session: SessionDep, principal: Annotated[Principal, may(Action.PAIRING_SHOW)]
) -> Pairing:
    """One pairing of one's own county."""
    return service.show_pairing(session, principal, pairing_id)
