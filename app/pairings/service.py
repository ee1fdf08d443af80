"""Use cases of pairings: agreeing, looking up, and asking whether a lesson is covered."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import new_id, take_turns
from app.errors import Conflict, Invalid, NotFound
from app.listing import Paging, Slice
from app.pairings import queries
from app.pairings.models import Pairing
from app.pairings.queries import Search as Search
from app.pairings.rules import Level, PairingState, Terms, first_uncovered_day
from app.schools import service as schools
from app.schools import subjects as county_subjects
from app.schools.models import Room
from app.schools.rules import RoomKind


@dataclass(frozen=True)
class PairingDraft:
    """An agreement to be made; no subjects stands for all. A proposal still has to be accepted and approved."""

    main_room_id: UUID
    receiving_room_id: UUID
    valid_from: date
    valid_to: date
    subjects: tuple[str, ...] = ()
    capacity: int = 3
    level: Level = Level.COUNTY
    minimum_link_mbps: float | None = None
    is_proposal: bool = False
    renews_id: UUID | None = None


def add_pairing(session: Session, principal: Principal, draft: PairingDraft) -> Pairing:
    """Propose an agreement on behalf of a bureau admin, or record one that both sides have agreed on already."""
    for room_id in (draft.main_room_id, draft.receiving_room_id):
        room = schools.require_with_room(session, principal, Action.PAIRING_ADD, room_id)
    pairing = create_pairing(session, draft)
    note_made(session, principal, pairing, room.org_unit_id)
    return pairing


def note_made(session: Session, principal: Principal, pairing: Pairing, site_id: UUID) -> None:
    """Tell the trail of a new agreement."""
    act = Act.PAIRING_PROPOSED if pairing.state is PairingState.PROPOSED else Act.PAIRING_MADE
    subject = Subject("pairing", pairing.id, site_id)
    audit.note(session, act, pairing.county_id, principal.person_id, subject, after=_facts(pairing))


def _facts(pairing: Pairing) -> Facts:
    return {
        "main_room_id": pairing.main_room_id,
        "receiving_room_id": pairing.receiving_room_id,
        "subjects": pairing.subjects,
        "valid_from": pairing.valid_from,
        "valid_to": pairing.valid_to,
        "capacity": pairing.capacity,
        "level": pairing.level,
        "minimum_link_mbps": pairing.minimum_link_mbps,
        "state": pairing.state,
        "renews_id": pairing.renews_id,
    }


def create_pairing(session: Session, draft: PairingDraft) -> Pairing:
    """Make an agreement without asking who wants it: for seeds."""
    main, receiving = (
        schools.get_room(session, each) for each in (draft.main_room_id, draft.receiving_room_id)
    )
    check_terms(draft, main, receiving)
    county_id = schools.get_org_unit(session, main.org_unit_id).county_id
    if schools.get_org_unit(session, receiving.org_unit_id).county_id != county_id:
        raise Invalid(
            "pairing.two_counties", "Rooms of two counties", "Both rooms of a pairing belong to one county."
        )
    county_subjects.require_known(session, county_id, draft.subjects)
    take_turns(session, [main.id, receiving.id])
    others = queries.between(session, main.id, [receiving.id])
    pairing = agreement_between(main, receiving, draft, county_id, others)
    session.add(pairing)
    session.flush()
    return pairing


def check_terms(draft: PairingDraft, main: Room, receiving: Room) -> None:
    """Raise `Invalid` for days that cannot be, or rooms that are not what an agreement needs."""
    if draft.valid_to < draft.valid_from:
        raise Invalid(
            "pairing.days_reversed",
            "Days in the wrong order",
            f"The last day {draft.valid_to} is before the first one, {draft.valid_from}.",
        )
    _require_kind(main, RoomKind.MAIN)
    _require_kind(receiving, RoomKind.RECEIVING)


def agreement_between(
    main: Room, receiving: Room, draft: PairingDraft, county_id: UUID, others: Iterable[Pairing]
) -> Pairing:
    """An agreement as it would be between two rooms, not stored yet; `others` are those that they have.

    Raises `Conflict` where it may not be.
    """
    for room in (main, receiving):
        schools.refuse_closed_room(room, draft.valid_to)
    _refuse_second_agreement(draft, main, receiving, others)
    pairing = Pairing(
        id=new_id(),
        county_id=county_id,
        main_room_id=main.id,
        receiving_room_id=receiving.id,
        subjects=sorted(set(draft.subjects)),
        valid_from=draft.valid_from,
        valid_to=draft.valid_to,
        capacity=draft.capacity,
        state=PairingState.PROPOSED if draft.is_proposal else PairingState.APPROVED,
        level=draft.level,
        minimum_link_mbps=draft.minimum_link_mbps,
        main_accepted=not draft.is_proposal,
        site_accepted=not draft.is_proposal,
        renews_id=draft.renews_id,
    )
    if not draft.is_proposal:
        refuse_slow_link(pairing, receiving)
    return pairing


def no_pairing(pairing_id: UUID) -> NotFound:
    """What is raised for a pairing that is not there, or not there for whoever asks."""
    return NotFound("pairing.not_found", "No such pairing", f"There is no pairing {pairing_id}.")


def show_pairing(session: Session, principal: Principal, pairing_id: UUID) -> Pairing:
    """One pairing of one's own county."""
    missing = no_pairing(pairing_id)
    pairing = queries.pairing(session, pairing_id)
    if pairing is None:
        raise missing
    require(principal, Action.PAIRING_SHOW, Target(pairing.county_id), missing)
    return pairing


def renewed(session: Session, pairing_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the agreements that an approved one renews."""
    return frozenset(queries.renewed(session, pairing_ids)) if pairing_ids else frozenset()


def name_subject(session: Session, county_id: UUID, code: str) -> bool:
    """Whether any agreement of a county, over or not, names a subject."""
    return any(code in named for named in queries.subjects_named(session, county_id))


def claiming_rooms(session: Session, room_ids: Collection[UUID], day: date) -> list[Pairing]:
    """Agreements of some rooms, on either side, that are not over by a day."""
    found = queries.of_rooms(session, room_ids, day)
    return [each for each in found if each.agreement.claimed is not None and each.agreement.claimed[1] >= day]


def claimed_between(session: Session, county_id: UUID, first_day: date, last_day: date) -> list[Pairing]:
    """A county's agreements that are not over and share a day with a span."""
    found = queries.meeting(session, county_id, first_day, last_day)
    return [each for each in found if each.agreement.claimed is not None]


def refuse_slow_link(pairing: Pairing, receiving: Room) -> None:
    """Raise `Conflict` when the site's line is known to be slower than the agreement asks for."""
    minimum, declared = pairing.minimum_link_mbps, receiving.link_mbps_declared
    if minimum is not None and declared is not None and declared < minimum:
        raise Conflict(
            "pairing.link_too_slow",
            "Link too slow",
            f"The line of {receiving.name} is declared with {declared:g} Mbit/s; {minimum:g} are asked for.",
            declared_mbps=declared,
            minimum_mbps=minimum,
        )


def list_pairings(
    session: Session, search: Search, org_unit_id: UUID | None, name: str | None, paging: Paging
) -> Slice[Pairing]:
    """Pairings of a county, with `org_unit_id` those of its rooms and of all below, with `name` those of rooms, schools
    or sites that are called so; and where the next page starts."""
    if name is not None:
        search = replace(search, named_ids=schools.room_ids_named(session, search.county_id, name))
    if org_unit_id is not None:
        search = replace(search, room_ids=schools.room_ids_below(session, org_unit_id))
    return queries.pairings_page(session, search, paging)


def of_main_rooms(session: Session, room_ids: Collection[UUID]) -> dict[UUID, list[Pairing]]:
    """All agreements of some main rooms, by room, the earliest first."""
    found: dict[UUID, list[Pairing]] = {room_id: [] for room_id in room_ids}
    for pairing in queries.of_main_rooms(session, room_ids):
        found[pairing.main_room_id].append(pairing)
    return found


def agreements_of(
    session: Session, main_room_id: UUID, receiving_room_ids: Collection[UUID]
) -> Sequence[Pairing]:
    """All agreements of a main room with these receiving rooms, the earliest first."""
    return queries.between(session, main_room_id, receiving_room_ids)


def pairings_for(
    agreements: Iterable[Pairing],
    main: Room,
    receiving: Collection[Room],
    subject: str,
    days: Collection[date],
) -> dict[UUID, Pairing]:
    """Of a main room's agreements, the one under which each receiving room may be taught on all these days.

    Raises `Conflict` for the first room that has none, and when the main room would serve more rooms at once
    than its agreements allow.
    """
    active: dict[UUID, list[Pairing]] = {room.id: [] for room in receiving}
    for pairing in agreements:
        if pairing.agreement.carried is not None:
            active[pairing.receiving_room_id].append(pairing)
    found = {room.id: _covering(active[room.id], main, room, subject, days) for room in receiving}
    _refuse_beyond_capacity(main, found.values())
    return found


def _covering(
    pairings: Sequence[Pairing], main: Room, receiving: Room, subject: str, days: Collection[date]
) -> Pairing:
    for pairing in pairings:
        if _carrying(pairing).cover(subject, days):
            return pairing
    day = first_uncovered_day([_carrying(pairing) for pairing in pairings], subject, days)
    extra: dict[str, Any] = {"receiving_room_id": str(receiving.id), "main_room_id": str(main.id)}
    if day is None:
        raise Conflict(
            "pairing.changes",
            "Pairing changes midway",
            f"{receiving.name} is paired with {main.name} on all these days, but not under one agreement; "
            "make one timetable entry for each agreement.",
            **extra,
        )
    raise Conflict(
        "pairing.not_active",
        "No active pairing",
        f"{receiving.name} has no active pairing with {main.name} for {subject} on {day}; "
        "agree on one, or end the entry before that day.",
        date=day.isoformat(),
        **extra,
    )


def _refuse_beyond_capacity(main: Room, pairings: Collection[Pairing]) -> None:
    capacity = min((pairing.capacity for pairing in pairings), default=0)
    if len(pairings) > capacity:
        raise Conflict(
            "pairing.over_capacity",
            "Too many sites",
            f"{main.name} may serve {capacity} sites at once under these pairings, "
            f"but {len(pairings)} were wanted.",
            capacity=capacity,
            wanted=len(pairings),
        )


def _refuse_second_agreement(
    draft: PairingDraft, main: Room, receiving: Room, others: Iterable[Pairing]
) -> None:
    wanted = Terms(frozenset(draft.subjects), draft.valid_from, draft.valid_to)
    for other in others:
        claimed = other.agreement.claimed
        if claimed is not None and wanted.collide_with(Terms(frozenset(other.subjects), *claimed)):
            raise Conflict(
                "pairing.exists",
                "Already paired",
                f"{main.name} and {receiving.name} already have an agreement from {other.valid_from} "
                f"to {other.valid_to}; choose other days or other subjects.",
                pairing_id=str(other.id),
                valid_from=str(other.valid_from),
                valid_to=str(other.valid_to),
            )


def _require_kind(room: Room, kind: RoomKind) -> None:
    if room.kind is not kind:
        raise Invalid(
            f"pairing.not_a_{kind.value}_room",
            "Wrong kind of room",
            f"{room.name} is a {room.kind.value} room; a {kind.value} room is needed here.",
            room_id=str(room.id),
        )


def _carrying(pairing: Pairing) -> Terms:
    carried = pairing.agreement.carried
    assert carried is not None
    return Terms(frozenset(pairing.subjects), *carried)
