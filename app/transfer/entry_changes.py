"""Rows about weekly lessons that are there: changed, moved or called off as their page does it, and published.

What one comes to is known by making it. They are made one after the other; one that is in the way of another may be out
of it a moment later, so those that are refused are tried again behind those that are not.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.errors import AppError
from app.lessons import publishing, series
from app.lessons.changes import Doing
from app.lessons.publishing import Selection
from app.lessons.series import Scope
from app.transfer.columns import Record

MOST: Final = 100
"""Weekly lessons that one file may change or call off: each is a change of a series, with all that follows."""
_MOST_ROUNDS: Final = 5
"""How often a change is tried: so long may a chain be of lessons that each take the place of the next one."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row about a lesson that is there, and is not as the row says."""

    record: Record
    entry_id: UUID
    term_id: UUID
    wanted: Mapping[str, Any] = field(default_factory=dict)
    publish: bool = False
    call_off: bool = False

    @property
    def is_of_series(self) -> bool:
        """Whether it changes lessons, and does not only publish them."""
        return self.call_off or bool(self.wanted)


@dataclass
class Changes:
    """The changes of a file, in the order in which they can be made."""

    principal: Principal
    doing: Doing
    all: list[Change] = field(default_factory=list)

    @property
    def of_series(self) -> list[Change]:
        """Those that change lessons; the others publish them only."""
        return [each for each in self.all if each.is_of_series]

    def try_all(self, session: Session) -> dict[int, AppError]:
        """Make those that can be made, and put them into their order. Returns the others by row, with why not."""
        left = sorted(
            self.of_series, key=lambda each: not each.call_off
        )  # what is called off is in nobody's way
        made: list[Change] = []
        refused: dict[int, AppError] = {}
        for _ in range(_MOST_ROUNDS):
            before, refused = len(left), {}
            for change in left:
                try:
                    with session.begin_nested():
                        self._make(session, change)
                except AppError as error:
                    refused[change.record.row] = error
                else:
                    made.append(change)
            left = [each for each in left if each.record.row in refused]
            if not left or len(left) == before:
                break
        if not refused:
            self._publish(session)
        self.all = [*made, *(each for each in self.all if not each.is_of_series)]
        return refused

    def make_all(self, session: Session) -> None:
        """Make them, as they were tried."""
        for change in self.of_series:
            self._make(session, change)
        self._publish(session)

    def _make(self, session: Session, change: Change) -> None:
        doing = replace(self.doing, reason=change.record.values["reason"])
        if change.call_off:
            series.withdraw_entry(session, self.principal, change.entry_id, Scope.ALL, None, doing)
        else:
            series.change_entry(
                session, self.principal, change.entry_id, Scope.ALL, None, change.wanted, doing
            )

    def _publish(self, session: Session) -> None:
        """Publish those of a term as one act: people are told once."""
        by_term: dict[UUID, set[UUID]] = defaultdict(set)
        for change in self.all:
            if change.publish:
                by_term[change.term_id].add(change.entry_id)
        for term_id, ids in by_term.items():
            selection = Selection(term_id, entry_ids=frozenset(ids))
            publishing.publish(session, self.principal, selection, self.doing)
