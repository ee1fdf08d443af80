"""Dated agreements: their states, and whether one covers a lesson. Pure rules."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
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


# Agreements that are over: a new one for the same rooms does not collide with them.
OVER = frozenset({PairingState.ENDED, PairingState.RENEWED})


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agreement is about: its subjects (none named: all) and days, both ends included."""

    subjects: frozenset[str]
    valid_from: date
    valid_to: date

    def cover(self, subject: str, days: Iterable[date]) -> bool:
        """Whether a lesson in this subject may be given under the agreement on all these days."""
        if self.subjects and subject not in self.subjects:
            return False
        return all(self.valid_from <= day <= self.valid_to for day in days)

    def collide_with(self, other: "Terms") -> bool:
        """Whether two agreements of the same rooms are about the same subject on the same day."""
        if self.valid_to < other.valid_from or other.valid_to < self.valid_from:
            return False
        return not self.subjects or not other.subjects or bool(self.subjects & other.subjects)


def first_uncovered_day(agreements: Collection[Terms], subject: str, days: Iterable[date]) -> date | None:
    """The first of the days on which no agreement covers the subject."""
    return next(
        (day for day in sorted(days) if not any(terms.cover(subject, [day]) for terms in agreements)), None
    )
