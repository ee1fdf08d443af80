"""Refusals in the trail: who was turned away from what, by ids and words of ours alone."""

from dataclasses import dataclass, field
from typing import Final

from app.accounts import queries
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.database import CALLER_ADDRESS, SessionFactory
from app.guard.throttle import Throttle
from app.guard.watch import Refusal, Refusals

MOST_AT_ONCE: Final = 20
EVENTS_AT_ONCE: Final = 60
EVENTS_PER_SECOND: Final = 1 / 60
"""Beyond this the trail is told how many, not which: whoever has many addresses or accounts does not fill it."""


def _pace() -> Throttle:
    return Throttle(burst=EVENTS_AT_ONCE, per_second=EVENTS_PER_SECOND)


@dataclass
class RefusalClerk:
    """Writes what was refused to the trail, no faster than it can be read."""

    factory: SessionFactory
    refusals: Refusals
    _of_known: Throttle = field(default_factory=_pace)
    _of_strangers: Throttle = field(default_factory=_pace)
    _left_out: int = 0

    def look(self, now: float) -> None:
        """Write what was refused since the last time; `now` is in seconds."""
        taken, left_out = self.refusals.take(MOST_AT_ONCE)
        self._left_out += left_out
        for refusal in taken:
            pace = self._of_known if refusal.asker else self._of_strangers
            if pace.wait(None, now) > 0:
                self._left_out += 1
            else:
                self._write(refusal)

    def _write(self, refusal: Refusal) -> None:
        asker = refusal.asker
        facts: dict[str, object] = {"code": refusal.code, "method": refusal.method, "route": refusal.route}
        if refusal.times > 1:
            facts["times"] = refusal.times
        if self._left_out:
            facts["others_not_noted"] = self._left_out
        with self.factory.begin() as session:
            session.info[CALLER_ADDRESS] = refusal.address
            # The doors of media ask no database who holds a grant; the bureau is told all the same.
            county_id = asker and (asker.county_id or queries.county_of(session, asker.id))
            chain = county_id or SERVER_CHAIN
            audit.note(session, Act.ACCESS_REFUSED, chain, asker.id if asker else None, after=facts)
        self._left_out = 0
