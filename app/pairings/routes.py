"""HTTP of pairings."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch, IfNoneMatch
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.listing import Paging
from app.pairings import deciding, many, service
from app.pairings.rules import PairingState
from app.pairings.schemas import (
    Answer,
    DecidedOut,
    Decision,
    Decisions,
    NewPairing,
    PairingOut,
    Refusal,
    Renewal,
)
from app.pairings.service import PairingDraft, Search
from app.schemas import SORT, BelowUnit, Day, Page, PageAfter, PageLimit, as_json, line
from app.versions import ANY, Seen

router = APIRouter(prefix="/api/v1", tags=["pairings"])

_ON_STEP = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)


@router.post(
    "/pairings",
    status_code=201,
    summary="Pair a main classroom with a teaching site",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def add_pairing(
    body: NewPairing,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_ADD)],
    response: Response,
) -> PairingOut:
    """Propose a dated agreement, as a bureau admin, or record one that both sides have agreed on.

    A proposal is accepted by both sides and approved before lessons may be planned on it; what is recorded as
    approved is active on its days.
    """
    draft = PairingDraft(
        main_room_id=body.main_room_id,
        receiving_room_id=body.receiving_room_id,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        subjects=tuple(body.subjects),
        capacity=body.capacity,
        level=body.level,
        minimum_link_mbps=body.minimum_link_mbps,
        is_proposal=body.state is PairingState.PROPOSED,
    )
    pairing = service.add_pairing(session, principal, draft)
    response.headers["Location"] = f"/api/v1/pairings/{pairing.id}"
    return PairingOut.of(pairing, principal.today)


@router.get(
    "/pairings",
    summary="List pairings",
    response_model=Page[PairingOut],
    responses=responses(Unauthenticated),
)
def list_pairings(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_SHOW)],
    main_room_id: Annotated[UUID | None, Query(description="Only those of this main room")] = None,
    receiving_room_id: Annotated[UUID | None, Query(description="Only those of this receiving room")] = None,
    on: Annotated[Day | None, Query(description="Only those whose days include this one")] = None,
    org_unit_id: BelowUnit = None,
    subject: Annotated[
        str | None, Query(max_length=50, description="Only those that cover this subject")
    ] = None,
    name: Annotated[
        Annotated[str, line(100)] | None,
        Query(description="Only those with this in the name of a room, or of its school or site"),
    ] = None,
    state: Annotated[list[PairingState] | None, Query(description="Only those that stand so today")] = None,
    sort: Annotated[Literal["valid_from", "-valid_from", "valid_to", "-valid_to"], SORT] = "valid_from",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Response:
    """The pairings of one's own county, by first day unless asked otherwise."""
    search = Search(
        principal.county_id,
        main_room_id,
        receiving_room_id,
        on,
        subject,
        states=frozenset(state or ()),
        today=principal.today,
    )
    page = service.list_pairings(session, search, org_unit_id, name, Paging(sort, after, limit))
    renewed = service.renewed(session, [pairing.id for pairing in page.items])
    items = [PairingOut.of(pairing, principal.today, renewed) for pairing in page.items]
    return as_json(Page[PairingOut](items=items, next=page.next))


@router.get(
    "/pairings/{pairing_id}",
    summary="Show a pairing",
    response_model=PairingOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_pairing(
    pairing_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One pairing of one's own county."""
    pairing = service.show_pairing(session, principal, pairing_id)
    return known.answer(PairingOut.of(pairing, principal.today, service.renewed(session, [pairing.id])))


@router.post("/pairings/decide", summary="Decide on many pairings", responses=_ON_STEP)
def decide(
    body: Decisions,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_DECIDE)],
) -> DecidedOut:
    """Accept, decline, approve or resume many agreements, as a bureau admin: all of them or none.

    When some cannot take the step the answer is 409 `pairing.some_refused`, and `refused` says for each why.
    """
    chosen = {
        each.id: ANY if each.version is None else Seen(frozenset({each.version})) for each in body.pairings
    }
    done = many.decide(session, principal, chosen, body.step, body.reason)
    return DecidedOut(items=[PairingOut.of(each, principal.today) for each in done])


@router.post("/pairings/{pairing_id}/accept", summary="Accept a proposed pairing", responses=_ON_STEP)
def accept(
    pairing_id: UUID,
    body: Answer,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_ANSWER)],
    seen: IfMatch,
) -> PairingOut:
    """Say yes for a side, as the admin of its school; a bureau admin may do so for either."""
    pairing = deciding.accept(session, principal, pairing_id, body.side, body.reason, seen)
    return PairingOut.of(pairing, principal.today)


@router.post("/pairings/{pairing_id}/decline", summary="Decline a proposed pairing", responses=_ON_STEP)
def decline(
    pairing_id: UUID,
    body: Refusal,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_ANSWER)],
    seen: IfMatch,
) -> PairingOut:
    """Say no for a side, before it is approved: the proposal has ended."""
    pairing = deciding.decline(session, principal, pairing_id, body.side, body.reason, seen)
    return PairingOut.of(pairing, principal.today)


@router.post("/pairings/{pairing_id}/approve", summary="Approve a pairing", responses=_ON_STEP)
def approve(
    pairing_id: UUID,
    body: Decision,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_DECIDE)],
    seen: IfMatch,
) -> PairingOut:
    """Approve what both sides have accepted, as a bureau admin: it is active on its days."""
    pairing = deciding.approve(session, principal, pairing_id, body.reason, seen)
    return PairingOut.of(pairing, principal.today)


@router.post("/pairings/{pairing_id}/resume", summary="Resume a suspended pairing", responses=_ON_STEP)
def resume(
    pairing_id: UUID,
    body: Decision,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_DECIDE)],
    seen: IfMatch,
) -> PairingOut:
    """Let a suspended agreement carry lessons again, as a bureau admin. Dropped lessons do not come back."""
    pairing = deciding.resume(session, principal, pairing_id, body.reason, seen)
    return PairingOut.of(pairing, principal.today)


@router.post("/pairings/{pairing_id}/renew", status_code=201, summary="Renew a pairing", responses=_ON_STEP)
def renew(
    pairing_id: UUID,
    body: Renewal,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_ADD)],
    seen: IfMatch,
    response: Response,
) -> PairingOut:
    """Propose the next agreement of the same rooms, as a bureau admin; it names this one as `renews_id`."""
    wanted = deciding.RenewalDraft(
        body.valid_to,
        body.valid_from,
        None if body.subjects is None else tuple(body.subjects),
        body.capacity,
        body.reason,
    )
    pairing = deciding.renew(session, principal, pairing_id, wanted, seen)
    response.headers["Location"] = f"/api/v1/pairings/{pairing.id}"
    return PairingOut.of(pairing, principal.today)
