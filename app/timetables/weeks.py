"""In which weeks of a term a weekly lesson takes place: pure rules.

Weeks are those of the term, from Monday to Sunday; week 1 is the one the term's first day lies in. They have
nothing to do with ISO's weeks of the year, so that a term runs through week 53 and New Year undisturbed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class WeekPattern(StrEnum):
    """Which weeks of its span an entry is taught in."""

    EVERY = "every"
    ODD = "odd"
    EVEN = "even"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Weeks:
    """A pattern, and the numbers it lists."""

    pattern: WeekPattern = WeekPattern.EVERY
    listed: frozenset[int] = frozenset()

    def include(self, week: int) -> bool:
        """Whether there is a lesson in this week of the term."""
        match self.pattern:
            case WeekPattern.EVERY:
                return True
            case WeekPattern.LISTED:
                return week in self.listed
            case _:
                return week % 2 == (self.pattern is WeekPattern.ODD)

    @classmethod
    def of(cls, pattern: WeekPattern, listed: Iterable[int] = ()) -> "Weeks":
        """A pattern as it is stored; numbers beside any other pattern than `listed` mean nothing."""
        return cls(pattern, frozenset(listed) if pattern is WeekPattern.LISTED else frozenset())


EVERY_WEEK = Weeks()
