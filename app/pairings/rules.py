"""Dated agreements: their states, and whether one covers a lesson. Pure rules."""

from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum


class PairingState(StrEnum):
    """Where an agreement stands."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    APPROVED = "approved"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"
    RENEWED = "renewed"


_S = PairingState

TRANSITIONS: Mapping[PairingState, frozenset[PairingState]] = {
    _S.PROPOSED: frozenset({_S.ACCEPTED, _S.ENDED}),
    _S.ACCEPTED: frozenset({_S.APPROVED, _S.ENDED}),
    _S.APPROVED: frozenset({_S.ACTIVE, _S.ENDED}),
    _S.ACTIVE: frozenset({_S.SUSPENDED, _S.ENDED, _S.RENEWED}),
    _S.SUSPENDED: frozenset({_S.ACTIVE, _S.ENDED, _S.RENEWED}),
    _S.ENDED: frozenset(),
    _S.RENEWED: frozenset(),
}

# Agreements that are over; a new one for the same rooms does not collide with them.
OVER = frozenset({_S.ENDED, _S.RENEWED})


def may_become(state: PairingState, target: PairingState) -> bool:
    """Whether the state machine knows that step."""
    return target in TRANSITIONS[state]


def covers_subject(subjects: Collection[str], subject: str) -> bool:
    """An agreement without named subjects is for all of them."""
    return not subjects or subject in subjects


def subjects_meet(one: Collection[str], other: Collection[str]) -> bool:
    """Whether two agreements share a subject."""
    return not one or not other or not set(one).isdisjoint(other)


def days_meet(first: tuple[date, date], second: tuple[date, date]) -> bool:
    """Whether two spans of whole days, both ends included, share a day."""
    return first[0] <= second[1] and second[0] <= first[1]
