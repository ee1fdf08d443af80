"""Dated agreements: their states, the steps between them, and whether one covers a lesson. Pure rules.

What people decide is stored: proposed, accepted, approved, suspended, ended. What follows from the day is computed and
therefore never out of date: an approved agreement is *active* on its days, and *ended* after them, or *renewed* when
one that renews it was approved; a proposal that nobody decided on has ended, too.

    proposed → accepted by both → approved → active ⇄ suspended → ended | renewed
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
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


class Side(StrEnum):
    """One of the two that agree."""

    MAIN = "main"
    SITE = "site"


class Step(StrEnum):
    """What can be done with an agreement."""

    ACCEPT = "accept"
    DECLINE = "decline"
    APPROVE = "approve"
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"
    RENEW = "renew"


class Level(StrEnum):
    """How far apart the two sides are."""

    COUNTY = "county"
    CITY = "city"
    PROVINCE = "province"


_P = PairingState
BOTH = frozenset(Side)

# What an agreement shows may follow what it showed before, by a step or by a day that passes.
GRAPH: Mapping[PairingState, frozenset[PairingState]] = {
    _P.PROPOSED: frozenset({_P.ACCEPTED, _P.ENDED}),
    _P.ACCEPTED: frozenset({_P.APPROVED, _P.ACTIVE, _P.ENDED}),  # approved when its days have begun: active
    _P.APPROVED: frozenset({_P.ACTIVE, _P.SUSPENDED, _P.ENDED}),
    _P.ACTIVE: frozenset({_P.SUSPENDED, _P.ENDED, _P.RENEWED}),
    _P.SUSPENDED: frozenset({_P.APPROVED, _P.ACTIVE, _P.ENDED}),
    _P.ENDED: frozenset({_P.RENEWED}),  # the next agreement was approved late
    _P.RENEWED: frozenset(),
}

STEPS: Mapping[PairingState, frozenset[Step]] = {
    _P.PROPOSED: frozenset({Step.ACCEPT, Step.DECLINE, Step.END}),
    _P.ACCEPTED: frozenset({Step.APPROVE, Step.DECLINE, Step.END}),
    _P.APPROVED: frozenset({Step.SUSPEND, Step.END, Step.RENEW}),
    _P.ACTIVE: frozenset({Step.SUSPEND, Step.END, Step.RENEW}),
    _P.SUSPENDED: frozenset({Step.RESUME, Step.END}),
    _P.ENDED: frozenset(),
    _P.RENEWED: frozenset(),
}

_UNDECIDED = frozenset({_P.PROPOSED, _P.ACCEPTED})


class IllegalStep(Exception):
    """The step does not start from where the agreement is."""

    def __init__(self, state: PairingState, allowed: Iterable[Step]) -> None:
        super().__init__(state.value)
        self.state, self.allowed = state, tuple(sorted(allowed))


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was decided: the stored state, who accepted, its days (both included), and from when on it carries
    no lessons because it was suspended or ended early."""

    decided: PairingState
    valid_from: date
    valid_to: date
    accepted_by: frozenset[Side] = frozenset()
    stopped_from: date | None = None

    def state_on(self, day: date, *, renewed: bool = False) -> PairingState:
        """Where it stands on a day; `renewed`: an agreement that renews it was approved."""
        over = _P.RENEWED if renewed else _P.ENDED
        if self.decided in _UNDECIDED:
            return self.decided if day <= self.valid_to else _P.ENDED
        if self.decided is _P.ENDED and self.carried is None:
            return _P.ENDED  # it never came to a lesson
        if self.stopped_from is not None and self.stopped_from <= day:
            if self.decided is _P.SUSPENDED and day <= self.valid_to:
                return _P.SUSPENDED
            return over if self.carried is not None else _P.ENDED
        if day > self.valid_to:
            return over
        return _P.APPROVED if day < self.valid_from else _P.ACTIVE

    @property
    def carried(self) -> tuple[date, date] | None:
        """The first and the last day on which it carries lessons, or None."""
        if self.decided in _UNDECIDED:
            return None
        last = self.valid_to
        if self.stopped_from is not None:
            last = min(last, self.stopped_from - timedelta(days=1))
        return (self.valid_from, last) if self.valid_from <= last else None

    @property
    def claimed(self) -> tuple[date, date] | None:
        """The days it keeps other agreements away from: all of them, unless it is over."""
        return self.carried if self.decided is _P.ENDED else (self.valid_from, self.valid_to)

    def allowed(self, day: date) -> frozenset[Step]:
        """The steps that may be taken on a day."""
        state = self.state_on(day)
        if self.decided is _P.ENDED:
            return frozenset()
        if self.decided is _P.SUSPENDED and state is not _P.ENDED:
            return STEPS[_P.SUSPENDED]  # also before the day it is suspended from
        return STEPS[state]

    def after(
        self, step: Step, day: date, *, sides: Collection[Side] = (), stopped_from: date | None = None
    ) -> "Agreement":
        """The agreement after a step taken on a day; raises `IllegalStep`.

        `sides` are those who accept; `stopped_from` is the first day without lessons, the same day unless given.
        """
        if step not in self.allowed(day):
            raise IllegalStep(self.state_on(day), self.allowed(day))
        match step:
            case Step.ACCEPT:
                accepted = self.accepted_by | frozenset(sides)
                return replace(
                    self, accepted_by=accepted, decided=_P.ACCEPTED if accepted == BOTH else _P.PROPOSED
                )
            case Step.APPROVE:
                return replace(self, decided=_P.APPROVED)
            case Step.SUSPEND:
                return replace(self, decided=_P.SUSPENDED, stopped_from=stopped_from or day)
            case Step.RESUME:
                return replace(self, decided=_P.APPROVED, stopped_from=None)
            case Step.DECLINE | Step.END:
                stopped = self.valid_from if self.decided in _UNDECIDED else stopped_from or day
                return replace(
                    self, decided=_P.ENDED, stopped_from=min(stopped, self.stopped_from or stopped)
                )
            case Step.RENEW:
                return self


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
