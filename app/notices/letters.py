"""Use cases of letters that could not be sent: the bureau sees them, and has them tried anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.notices import mail_queries as queries


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A letter that was given up, and whom it was for."""

    id: UUID
    person_id: UUID
    name: str
    attempts: int
    created_at: datetime
    done_at: datetime | None
    problem: str | None


def given_up(
    session: Session, principal: Principal, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Undelivered]:
    """Those of the county of whoever asks, the newest first."""
    return [
        Undelivered(
            letter.id,
            letter.person_id,
            name,
            letter.attempts,
            letter.created_at,
            letter.done_at,
            letter.problem,
        )
        for letter, name in queries.given_up(session, principal.county_id, before, limit)
    ]


def send_again(session: Session, principal: Principal, since: datetime, now: datetime) -> int:
    """Let those of the county wait again that were made since then; says how many."""
    revived = queries.revive(session, principal.county_id, since, now)
    if revived:
        county = Subject("county", principal.county_id)
        facts = {"letters": revived}
        audit.note(
            session, Act.LETTERS_SENT_AGAIN, principal.county_id, principal.person_id, county, after=facts
        )
    return revived
