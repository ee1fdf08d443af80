"""When a delivery that failed is tried again, and when no more: pure rules."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

MOST_ATTEMPTS: Final = 10
LEASE: Final = timedelta(minutes=2)
"""Whoever tries a delivery has so long to say how it went; then it is tried again by whoever comes next."""

_FIRST: Final = timedelta(seconds=5)
_LONGEST: Final = timedelta(hours=6)


class DeliveryState(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"  # for its first attempt, or for the next one
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; an administrator may send it again


def pause(attempts: int, chance: float) -> timedelta | None:
    """How long to wait after so many failed attempts; None: give up.

    Four times as long each time, up to six hours, so that a receiver may be away for a day; and never quite the same
    (`chance` from 0 to 1), so that what failed together does not come back together.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    seconds = min(_FIRST.total_seconds() * 4.0 ** (attempts - 1), _LONGEST.total_seconds())
    return timedelta(seconds=seconds * (0.75 + 0.5 * chance))
