"""Use cases of many agreements at once: all of a county, and storing such as were checked before.

What may be stored is decided by the same rules as for one (`service.check_terms`, `service.agreement_between`); here it
is written in a few statements, and every one of them is told to the trail.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.pairings import deciding, queries
from app.pairings.models import Pairing
from app.pairings.rules import PairingState
from app.pairings.service import note_made


def all_pairings(session: Session, county_id: UUID) -> Sequence[Pairing]:
    """All agreements of a county, over or not, by first day."""
    return queries.of_county(session, county_id)


def add_pairings(
    session: Session, principal: Principal, pairings: Sequence[Pairing], sites: Mapping[UUID, UUID]
) -> None:
    """Store agreements; `sites` are the units of their receiving rooms."""
    session.add_all(pairings)
    session.flush()
    for each in pairings:
        note_made(session, principal, each, sites[each.receiving_room_id])


def approve_all(session: Session, principal: Principal, pairing_ids: Sequence[UUID]) -> None:
    """Approve what was proposed, on behalf of a bureau admin; where a side has not accepted, for it as well.

    Raises what the single steps raise.
    """
    for pairing_id in pairing_ids:
        pairing = deciding.decidable(session, principal, pairing_id)
        if pairing.state is PairingState.PROPOSED:
            deciding.accept(session, principal, pairing_id, None, None)
        deciding.approve(session, principal, pairing_id, None)
