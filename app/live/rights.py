"""What those in a lesson may do there, kept in memory: a grant is checked without a database.

Whoever joins is noted here as the database saw them, and looked at again every two seconds (`app.live.review`). A
grant opens what its holder stands for *now*: what ended since it was given, it does not open any more. After a restart
nothing is known here; the first grant of each holder is then checked with the database, and noted again.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.accounts.rules import Basis, Holder, Principal
from app.lessons import service as lessons
from app.lessons.models import Lesson
from app.lessons.rules import OnAirWindow, Participation
from app.live.rules import Direction


class Claim(NamedTuple):
    """Somebody's part in one lesson."""

    lesson_id: uuid.UUID
    holder: Holder


@dataclass(frozen=True, slots=True)
class Standing:
    """What a claim is good for, as it was seen last."""

    part: Participation
    window: OnAirWindow
    void_before: datetime | None = None
    """What was given to the holder before then is void."""

    @classmethod
    def of(cls, lesson: Lesson, part: Participation, principal: Principal) -> "Standing":
        """As the database has it now; the lesson takes media."""
        return cls(part, lessons.window_of(lesson), principal.void_before)

    def allows(self, stream: str, direction: Direction) -> bool:
        """Whether its holder may send or receive this stream."""
        return stream in (self.part.publish if direction is Direction.PUBLISH else self.part.watch)

    def voids(self, given_at: datetime) -> bool:
        """Whether what was given then is void by now."""
        return self.void_before is not None and given_at < self.void_before


class Rights:
    """Every standing claim of lessons on air. Any thread may ask; bounded, the one noted longest ago goes first."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._standing: OrderedDict[Claim, Standing] = OrderedDict()
        self._bases: dict[uuid.UUID, set[Basis]] = {}
        self._lock = threading.Lock()

    def note_basis(self, lesson_id: uuid.UUID, basis: Basis | None) -> None:
        """What somebody with grants for this lesson was let in by: good now, and looked at again by each review."""
        if basis is not None:
            with self._lock:
                self._bases.setdefault(lesson_id, set()).add(basis)

    def is_good(self, lesson_id: uuid.UUID, basis: Basis) -> bool:
        """Whether it is known to be good; else the database knows."""
        return basis in self._bases.get(lesson_id, ())

    def bases(self) -> set[Basis]:
        """All that are known."""
        with self._lock:
            return set().union(*self._bases.values())

    def drop_bases(self, ended: Collection[Basis]) -> None:
        """Forget those that are over."""
        with self._lock:
            for known in self._bases.values():
                known.difference_update(ended)

    def note(self, claim: Claim, standing: Standing) -> None:
        """What a claim is good for, from now on."""
        with self._lock:
            self._standing[claim] = standing
            self._standing.move_to_end(claim)
            if len(self._standing) > self._most:
                self._standing.popitem(last=False)

    def find(self, claim: Claim) -> Standing | None:
        """What a claim is good for; None when that is not known."""
        return self._standing.get(claim)

    def renew(self, claim: Claim, standing: Standing) -> None:
        """The same after another look; a claim that was dropped meanwhile stays so."""
        with self._lock:
            if claim in self._standing:
                self._standing[claim] = standing

    def drop(self, claim: Claim) -> None:
        """Forget a claim, which is good for nothing any more."""
        with self._lock:
            self._standing.pop(claim, None)

    def drop_lesson(self, lesson_id: uuid.UUID) -> None:
        """Forget all claims of a lesson that is over."""
        with self._lock:
            self._bases.pop(lesson_id, None)
            for claim in [each for each in self._standing if each.lesson_id == lesson_id]:
                del self._standing[claim]

    def lessons(self) -> set[uuid.UUID]:
        """All lessons of which something is known."""
        with self._lock:
            return {claim.lesson_id for claim in self._standing} | set(self._bases)

    def claims(self) -> set[Claim]:
        """All claims that are known."""
        with self._lock:
            return set(self._standing)
