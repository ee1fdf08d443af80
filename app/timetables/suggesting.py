"""Use case: which main room could teach a site in a subject, by what is known of bells, agreements and load."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.errors import Invalid
from app.pairings import scoring
from app.pairings import service as pairings
from app.pairings.scoring import LINK_FOR_A_SITE_MBPS, Candidate, Suggestion
from app.schools import service as schools
from app.schools import subjects
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind, distance_km, is_there, path_ids
from app.timetables import queries
from app.timetables.ground import BELL_SKEW
from app.timetables.models import Term
from app.timetables.rules import Bell
from app.timetables.service import get_term

MOST = 20
_USUAL_CAPACITY = 3


def suggest(
    session: Session,
    principal: Principal,
    site_id: UUID,
    subject: str,
    term_id: UUID,
    minimum_link_mbps: float | None,
    most: int,
) -> list[Suggestion]:
    """Main rooms for a site's receiving rooms, the best one first. The number of queries is the same for any county.

    Raises `NotFound`, and `Invalid` for a unit without a receiving room or a subject that is not on the list.
    """
    site = schools.require_at(session, principal, Action.PAIRING_SUGGEST, site_id)
    term = get_term(session, term_id, site.county_id)
    subjects.require_known(session, site.county_id, [subject])
    receiving = _rooms(session, term, RoomKind.RECEIVING, site.id)
    if not receiving:
        raise Invalid(
            "pairing.no_receiving_room",
            "No receiving room",
            f"{site.name} has no receiving room that is open through {term.name}; add one, or reopen one, first.",
        )
    main_rooms = _rooms(session, term, RoomKind.MAIN)
    units = schools.org_units(session, {room.org_unit_id for room in main_rooms} | {site.id})
    day = max(term.first_day, min(principal.today, term.last_day))
    bells = _bells(session, units.values(), day)
    agreed = _agreed(session, term, receiving)
    load = _load(session, term, subject)
    fastest = max((room.link_mbps_declared or 0 for room in receiving), default=0) or None
    candidates = []
    for room in main_rooms:
        unit = units[room.org_unit_id]
        capacity, others = agreed.get(room.id, (_USUAL_CAPACITY, 0))
        candidates.append(
            Candidate(
                room_id=room.id,
                name=f"{unit.name} {room.name}",
                capacity=capacity,
                paired=others,
                lessons_in_subject=load.in_subject[room.id],
                shared_periods=_shared(bells[unit.id], bells[site.id], term.weekdays, load.slots[room.id]),
                levels_shared=_levels(unit, site),
                distance_km=_distance(unit, site),
                lessons_a_week=len(load.slots[room.id]),
                link_mbps=_slower(room.link_mbps_declared, fastest),
            )
        )
    return scoring.rank(candidates, minimum_link_mbps or LINK_FOR_A_SITE_MBPS, most)


def _rooms(session: Session, term: Term, kind: RoomKind, unit_id: UUID | None = None) -> Sequence[Room]:
    """Rooms of one kind that are there through a whole term, of the county or of one unit."""
    rooms = schools.rooms_of(session, term.county_id, kind, unit_id)
    return [room for room in rooms if is_there(room.closed_from, term.last_day)]


@dataclass(frozen=True, slots=True)
class _Load:
    """The weekly lessons that main rooms give in a term."""

    slots: Mapping[UUID, Sequence[tuple[int, int]]]
    """Weekday and period of each."""
    in_subject: Mapping[UUID, int]
    """How many of them are in the subject that is asked about."""


def _load(session: Session, term: Term, subject: str) -> _Load:
    slots: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    in_subject: Counter[UUID] = Counter()
    for room_id, taught, weekday, period in queries.slots_of_term(session, term.id):
        slots[room_id].append((weekday, period))
        in_subject[room_id] += taught == subject
    return _Load(slots, in_subject)


def _agreed(session: Session, term: Term, receiving: Sequence[Room]) -> Mapping[UUID, tuple[int, int]]:
    """By main room: the capacity of its agreements in a term, and the sites other than this one."""
    own = {room.id for room in receiving}
    capacities: dict[UUID, int] = {}
    others: dict[UUID, set[UUID]] = defaultdict(set)
    for pairing in pairings.claimed_between(session, term.county_id, term.first_day, term.last_day):
        known = capacities.get(pairing.main_room_id, pairing.capacity)
        capacities[pairing.main_room_id] = min(known, pairing.capacity)
        others[pairing.main_room_id] |= {pairing.receiving_room_id} - own
    return {room_id: (capacity, len(others[room_id])) for room_id, capacity in capacities.items()}


def _bells(session: Session, units: Iterable[OrgUnit], day: date) -> dict[UUID, Mapping[int, Bell]]:
    """The periods in force at units on a day; none where there is no bell schedule."""
    paths = {unit.id: path_ids(unit.path) for unit in units}
    above = {unit_id for path in paths.values() for unit_id in path}
    bells = {each.org_unit_id: each.bells for each in queries.bell_schedules_of(session, above, day, day)}
    return {
        unit_id: next((bells[each] for each in reversed(path) if each in bells), {})
        for unit_id, path in paths.items()
    }


def _shared(
    main: Mapping[int, Bell],
    site: Mapping[int, Bell],
    weekdays: Iterable[int],
    taken: Iterable[tuple[int, int]],
) -> int:
    """Periods a week that both have, but for the skew, and in which the main room gives no lesson yet."""
    common = {
        number for number, bell in main.items() if any(bell.fits(other, BELL_SKEW) for other in site.values())
    }
    return len({(weekday, number) for weekday in weekdays for number in common} - set(taken))


def _levels(one: OrgUnit, other: OrgUnit) -> int:
    shared = set(path_ids(one.path)) & set(path_ids(other.path))
    return len(shared) - 1


def _distance(one: OrgUnit, other: OrgUnit) -> float | None:
    if one.coordinates is None or other.coordinates is None:
        return None
    return round(distance_km(one.coordinates, other.coordinates), 1)


def _slower(one: float | None, other: float | None) -> float | None:
    known = [speed for speed in (one, other) if speed is not None]
    return min(known, default=None)
