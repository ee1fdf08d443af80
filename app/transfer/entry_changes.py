"""Rows about weekly lessons that are there: changed, moved or called off as their page does it, and published.

All changes of a file are one act: rows may take each other's places, two that swap too.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.errors import AppError
from app.lessons import publishing, series_at_once
from app.lessons.bulk import Part
from app.lessons.changes import Doing
from app.lessons.publishing import Selection
from app.lessons.series_at_once import Intended, SeriesChange
from app.transfer.columns import Record

MOST: Final = 1000
"""Weekly lessons that one file may change or call off: a county has some 700. Their lessons are named in one statement
each, and PostgreSQL takes 65,535 names."""


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
    """The changes of a file."""

    principal: Principal
    doing: Doing
    all: list[Change] = field(default_factory=list)
    _intended: Intended = field(default_factory=lambda: Intended({}, {}, {}))

    @property
    def of_series(self) -> dict[int, SeriesChange]:
        """Those that change lessons, by row; the others publish them only."""
        return {
            each.record.row: SeriesChange(
                each.entry_id, None if each.call_off else each.wanted, each.record.values["reason"]
            )
            for each in self.all
            if each.is_of_series
        }

    def plan(self, session: Session) -> Mapping[int, AppError]:
        """Plan them as if nothing were in their way; those that cannot be, by row, and why not."""
        if wanted := self.of_series:
            self._intended = series_at_once.plan_changes(session, self.principal, wanted, self.doing)
        return self._intended.refused

    @property
    def parts(self) -> dict[int, Sequence[Part]]:
        """What the lessons will hold, by row."""
        return {row: each.parts for row, each in self._intended.reshaped.items()}

    @property
    def gone(self) -> Sequence[UUID]:
        """Lessons that give up what they hold."""
        return self._intended.gone

    @property
    def of_none(self) -> list[int]:
        """Rows that change no lesson: all to come were called off one by one."""
        return [row for row, each in self._intended.reshaped.items() if not (each.gone or each.added)]

    def make_all(self, session: Session) -> None:
        """Make them, and publish those of a term as one act: people are told once."""
        if wanted := self.of_series:
            series_at_once.carry_out_all(session, self._intended, wanted, self.doing)
        by_term: dict[UUID, set[UUID]] = defaultdict(set)
        for change in self.all:
            if change.publish:
                by_term[change.term_id].add(change.entry_id)
        for term_id, ids in by_term.items():
            selection = Selection(term_id, entry_ids=frozenset(ids))
            publishing.publish(session, self.principal, selection, self.doing)
