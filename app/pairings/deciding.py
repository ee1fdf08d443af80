"""Use cases of deciding on pairings: accepting, approving, suspending, ending, renewing.

Stopping an agreement on which lessons are planned is for the lessons domain (`app.lessons.agreements`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, allows, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict
from app.pairings import queries
from app.pairings.models import Pairing
from app.pairings.rules import IllegalStep, Side, Step
from app.pairings.service import PairingDraft, create_pairing, no_pairing, refuse_slow_link, show_pairing
from app.schools import service as schools
from app.schools.rules import path_ids
from app.versions import ANY, Seen

_ACTS = {
    Step.ACCEPT: Act.PAIRING_ACCEPTED,
    Step.DECLINE: Act.PAIRING_DECLINED,
    Step.APPROVE: Act.PAIRING_APPROVED,
    Step.SUSPEND: Act.PAIRING_SUSPENDED,
    Step.RESUME: Act.PAIRING_RESUMED,
    Step.END: Act.PAIRING_ENDED,
}


@dataclass(frozen=True, slots=True)
class RenewalDraft:
    """The next agreement; what is None is as before, the first day the one after the last."""

    valid_to: date
    valid_from: date | None = None
    subjects: tuple[str, ...] | None = None
    capacity: int | None = None
    reason: str | None = None


def accept(
    session: Session,
    principal: Principal,
    pairing_id: UUID,
    side: Side | None,
    reason: str | None,
    seen: Seen = ANY,
) -> Pairing:
    """Say yes for a side, or for all that are one's own."""
    pairing, sides = _answerable(session, principal, pairing_id, side, seen)
    return _step(session, principal, pairing, Step.ACCEPT, reason, sides=sides)


def decline(
    session: Session,
    principal: Principal,
    pairing_id: UUID,
    side: Side | None,
    reason: str,
    seen: Seen = ANY,
) -> Pairing:
    """Say no for a side: the proposal has ended."""
    pairing, sides = _answerable(session, principal, pairing_id, side, seen)
    return _step(session, principal, pairing, Step.DECLINE, reason, sides=sides)


def approve(
    session: Session, principal: Principal, pairing_id: UUID, reason: str | None, seen: Seen = ANY
) -> Pairing:
    """Approve what both sides have accepted."""
    pairing = decidable(session, principal, pairing_id, seen)
    refuse_slow_link(pairing, schools.get_room(session, pairing.receiving_room_id))
    return _step(session, principal, pairing, Step.APPROVE, reason)


def resume(
    session: Session, principal: Principal, pairing_id: UUID, reason: str | None, seen: Seen = ANY
) -> Pairing:
    """Let a suspended agreement carry lessons again."""
    return _step(session, principal, decidable(session, principal, pairing_id, seen), Step.RESUME, reason)


def stop(
    session: Session, principal: Principal, pairing: Pairing, step: Step, reason: str, stopped_from: date
) -> Pairing:
    """Suspend or end an agreement from a day on; its lessons from that day on are gone already."""
    return _step(session, principal, pairing, step, reason, stopped_from=stopped_from)


def renew(
    session: Session, principal: Principal, pairing_id: UUID, wanted: RenewalDraft, seen: Seen = ANY
) -> Pairing:
    """Propose the next agreement of the same rooms."""
    old = _changeable(session, principal, pairing_id, Action.PAIRING_ADD, seen)
    check_step(old, Step.RENEW, principal.today)
    if other := queries.living_renewal(session, old.id):
        raise Conflict(
            "pairing.renewed_already",
            "Renewed already",
            f"The next agreement is from {other.valid_from} to {other.valid_to}; end it to propose another one.",
            pairing_id=str(other.id),
        )
    subjects = tuple(old.subjects) if wanted.subjects is None else wanted.subjects
    draft = PairingDraft(
        main_room_id=old.main_room_id,
        receiving_room_id=old.receiving_room_id,
        valid_from=wanted.valid_from or old.valid_to + timedelta(days=1),
        valid_to=wanted.valid_to,
        subjects=subjects,
        capacity=wanted.capacity or old.capacity,
        level=old.level,
        minimum_link_mbps=old.minimum_link_mbps,
        is_proposal=True,
        renews_id=old.id,
    )
    made = create_pairing(session, draft)
    facts = {
        "valid_from": made.valid_from,
        "valid_to": made.valid_to,
        "subjects": made.subjects,
        "capacity": made.capacity,
        "renews_id": old.id,
        "reason": wanted.reason,
    }
    _note(session, principal, Act.PAIRING_RENEWED, made, facts)
    return made


def decidable(session: Session, principal: Principal, pairing_id: UUID, seen: Seen = ANY) -> Pairing:
    """An agreement that the bureau admin may decide on, with everybody else who would kept waiting."""
    return _changeable(session, principal, pairing_id, Action.PAIRING_DECIDE, seen)


def check_step(pairing: Pairing, step: Step, day: date) -> None:
    """Raise `Conflict` naming the allowed steps when this is none of them."""
    allowed = pairing.agreement.allowed(day)
    if step not in allowed:
        raise _illegal(step, IllegalStep(pairing.agreement.state_on(day), allowed))


def _changeable(
    session: Session, principal: Principal, pairing_id: UUID, action: Action, seen: Seen
) -> Pairing:
    pairing = show_pairing(session, principal, pairing_id)
    require(principal, action, Target(pairing.county_id), no_pairing(pairing_id))
    return _in_turn(session, pairing, seen)


def _answerable(
    session: Session, principal: Principal, pairing_id: UUID, side: Side | None, seen: Seen
) -> tuple[Pairing, frozenset[Side]]:
    """The agreement and the sides that somebody answers for; raises when it is none."""
    pairing = show_pairing(session, principal, pairing_id)
    rooms = {Side.MAIN: pairing.main_room_id, Side.SITE: pairing.receiving_room_id}
    found = schools.rooms(session, rooms.values())
    units = schools.org_units(session, {room.org_unit_id for room in found.values()})
    paths = {each: path_ids(units[found[room_id].org_unit_id].path) for each, room_id in rooms.items()}
    wanted = frozenset(Side) if side is None else frozenset({side})
    own = {
        each
        for each in wanted
        if allows(principal, Action.PAIRING_ANSWER, Target(pairing.county_id, (paths[each],)))
    }
    target = Target(pairing.county_id, tuple(paths[each] for each in sorted(own or wanted)))
    require(principal, Action.PAIRING_ANSWER, target, no_pairing(pairing_id))
    return _in_turn(session, pairing, seen), frozenset(own)


def _in_turn(session: Session, pairing: Pairing, seen: Seen) -> Pairing:
    take_turns(session, [pairing.main_room_id, pairing.receiving_room_id])
    session.refresh(pairing)
    seen.require(session, pairing)
    return pairing


def _step(
    session: Session,
    principal: Principal,
    pairing: Pairing,
    step: Step,
    reason: str | None,
    *,
    sides: Collection[Side] = (),
    stopped_from: date | None = None,
) -> Pairing:
    before = pairing.agreement
    try:
        pairing.agreement = before.after(step, principal.today, sides=sides, stopped_from=stopped_from)
    except IllegalStep as error:
        raise _illegal(step, error) from None
    pairing.state_reason = reason
    session.flush()
    facts = {
        "state": pairing.state,
        "reason": reason,
        "sides": sorted(sides),
        "stopped_from": pairing.stopped_from,
    }
    _note(session, principal, _ACTS[step], pairing, {k: v for k, v in facts.items() if v}, before.decided)
    return pairing


def _note(
    session: Session,
    principal: Principal,
    act: Act,
    pairing: Pairing,
    after: dict[str, object],
    state_before: str | None = None,
) -> None:
    room = schools.get_room(session, pairing.receiving_room_id)
    audit.note(
        session,
        act,
        pairing.county_id,
        principal.person_id,
        Subject("pairing", pairing.id, room.org_unit_id),
        before={"state": state_before} if state_before else None,
        after=after,
    )


def _illegal(step: Step, error: IllegalStep) -> Conflict:
    allowed = " or ".join(error.allowed) or "nothing"
    return Conflict(
        "pairing.wrong_state",
        "Not possible now",
        f"The agreement is {error.state.value}; possible is {allowed}, not {step.value}.",
        state=error.state.value,
        allowed=list(error.allowed),
    )
