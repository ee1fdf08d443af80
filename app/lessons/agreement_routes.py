"""HTTP of stopping pairings, which concerns the lessons planned on them."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import agreements
from app.pairings.rules import Step
from app.pairings.schemas import PairingOut, Stop
from app.versions import Seen

router = APIRouter(prefix="/api/v1", tags=["pairings"])

_ON_STOP = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)


@router.post("/pairings/{pairing_id}/suspend", summary="Suspend a pairing", responses=_ON_STOP)
def suspend(
    pairing_id: UUID,
    body: Stop,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_DECIDE)],
    seen: IfMatch,
) -> PairingOut:
    """Let an agreement carry no lessons from a day on until it is resumed, as a bureau admin."""
    return _stop(session, principal, pairing_id, Step.SUSPEND, body, seen)


@router.post("/pairings/{pairing_id}/end", summary="End a pairing", responses=_ON_STOP)
def end(
    pairing_id: UUID,
    body: Stop,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PAIRING_DECIDE)],
    seen: IfMatch,
) -> PairingOut:
    """End an agreement before its last day, or withdraw a proposal, as a bureau admin."""
    return _stop(session, principal, pairing_id, Step.END, body, seen)


def _stop(
    session: SessionDep, principal: Principal, pairing_id: UUID, step: Step, body: Stop, seen: Seen
) -> PairingOut:
    pairing = agreements.stop_pairing(
        session,
        principal,
        pairing_id,
        step,
        body.reason,
        datetime.now(UTC),
        stopped_from=body.stopped_from,
        drop_lessons=body.lessons == "drop",
        seen=seen,
    )
    return PairingOut.of(pairing, principal.today)
