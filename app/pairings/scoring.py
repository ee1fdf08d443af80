"""Which main room suits a site best, and why: a pure rule.

Every reason gives points of its own, so that a suggestion can be read item by item; the sum decides. A room that
cannot serve the site at all (no capacity left, no period that both have) comes after all that can.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

LINK_FOR_A_SITE_MBPS = 2.0
"""What one site's picture, board and sound take, unless the agreement says otherwise."""
FULL_WEEK = 20
"""So many lessons a week are a full load for a main room."""


class Item(StrEnum):
    """What a suggestion weighs."""

    CAPACITY = "capacity"
    SUBJECT = "subject"
    BELLS = "bells"
    LINK = "link"
    NEARNESS = "nearness"
    DISTANCE = "distance"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a main room, as seen from a site."""

    room_id: UUID
    name: str
    capacity: int
    """Most sites in one lesson under its agreements."""
    paired: int
    """Other sites it has agreements with in these days."""
    lessons_in_subject: int
    """Weekly lessons it gives in the subject already."""
    shared_periods: int
    """Periods a week in which both have a period at the same time, and the room has no lesson yet."""
    levels_shared: int
    """Org units above both below the county: 1, the township; 2, the school."""
    lessons_a_week: int
    link_mbps: float | None
    """The slower one of both declared lines; None: not declared."""
    distance_km: float | None = None
    """As the crow flies; None: one of both has no coordinates."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One item of a suggestion: the fact, and the points it gives."""

    item: Item
    fact: float | None
    points: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A main room with what speaks for it."""

    candidate: Candidate
    is_possible: bool
    points: int
    reasons: tuple[Reason, ...]


def rank(candidates: Iterable[Candidate], minimum_link_mbps: float, most: int) -> list[Suggestion]:
    """The best candidates, the best one first; of equals the one whose name comes first, then by id."""
    suggestions = [_weigh(candidate, minimum_link_mbps) for candidate in candidates]
    suggestions.sort(
        key=lambda each: (
            not each.is_possible, -each.points, each.candidate.name, each.candidate.room_id,
        )
    )  # fmt: skip
    return suggestions[:most]


def _weigh(candidate: Candidate, minimum_link_mbps: float) -> Suggestion:
    left = max(candidate.capacity - candidate.paired, 0)
    link = candidate.link_mbps
    link_points = 5 if link is None else 10 if link >= minimum_link_mbps else -20
    reasons = (
        Reason(Item.CAPACITY, left, min(10 * left, 30)),
        Reason(Item.SUBJECT, candidate.lessons_in_subject, 20 if candidate.lessons_in_subject else 0),
        Reason(Item.BELLS, candidate.shared_periods, min(candidate.shared_periods, 25)),
        Reason(Item.LINK, link, link_points),
        Reason(Item.NEARNESS, candidate.levels_shared, _nearness(candidate)),
        Reason(Item.DISTANCE, candidate.distance_km, _distance(candidate.distance_km)),
        Reason(Item.LOAD, candidate.lessons_a_week, -min(10 * candidate.lessons_a_week // FULL_WEEK, 10)),
    )
    possible = left > 0 and candidate.shared_periods > 0
    return Suggestion(candidate, possible, sum(reason.points for reason in reasons), reasons)


def _nearness(candidate: Candidate) -> int:
    """A common township stands for a short way only where nobody knows how far it is."""
    return min(5 * candidate.levels_shared, 10) if candidate.distance_km is None else 0


def _distance(km: float | None) -> int:
    """Ten points next door, one less for every three kilometres: teachers visit their sites."""
    return 0 if km is None else max(10 - int(km // 3), 0)
