"""Deciding on many agreements at once: all of it or nothing, with a reason for each that cannot be."""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.database import take_turns
from app.errors import AppError, Conflict
from app.pairings import deciding, queries
from app.pairings.models import Pairing
from app.pairings.service import no_pairing
from app.versions import Seen


class ManyStep(StrEnum):
    """The steps that concern nothing but the agreements themselves."""

    ACCEPT = "accept"
    DECLINE = "decline"
    APPROVE = "approve"
    RESUME = "resume"


def decide(
    session: Session, principal: Principal, chosen: Mapping[UUID, Seen], step: ManyStep, reason: str | None
) -> list[Pairing]:
    """Take one step with every agreement, as a bureau admin; raises `Conflict` that names those that refuse."""
    require(principal, Action.PAIRING_DECIDE, Target(principal.county_id), no_pairing(min(chosen)))
    found = queries.by_ids(session, chosen)
    # All at once and in one order, so that two who decide on many do not wait for each other.
    rooms = {room_id for each in found for room_id in (each.main_room_id, each.receiving_room_id)}
    take_turns(session, rooms)
    done, refused = [], []
    for pairing_id, seen in chosen.items():
        try:
            done.append(_decide(session, principal, pairing_id, step, reason, seen))
        except AppError as error:
            refused.append({"id": str(pairing_id), "code": error.code, "detail": error.detail})
    if refused:
        raise Conflict(
            "pairing.some_refused",
            "Not possible for all",
            f"{len(refused)} of {len(chosen)} agreements cannot take this step, and none has; see `refused`.",
            refused=refused,
        )
    return done


def _decide(
    session: Session, principal: Principal, pairing_id: UUID, step: ManyStep, reason: str | None, seen: Seen
) -> Pairing:
    match step:
        case ManyStep.ACCEPT:
            return deciding.accept(session, principal, pairing_id, None, reason, seen)
        case ManyStep.DECLINE:
            return deciding.decline(session, principal, pairing_id, None, reason or "", seen)
        case ManyStep.APPROVE:
            return deciding.approve(session, principal, pairing_id, reason, seen)
        case ManyStep.RESUME:
            return deciding.resume(session, principal, pairing_id, reason, seen)
