"""SQL of a person's own sign-ins: those of pages, and those of programs."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.accounts.models import BrowserSession, TokenFamily

Row = BrowserSession | TokenFamily


def sign_ins_of(session: Session, person_id: uuid.UUID, since: datetime | None, now: datetime) -> list[Row]:
    """Those that have not run out, but for the ones from before `since`, which are void."""
    found: list[Row] = []
    for table in (BrowserSession, TokenFamily):
        query = select(table).where(table.person_id == person_id, table.expires_at > now)
        if since is not None:
            query = query.where(table.created_at >= since)
        found += session.scalars(query)
    return sorted(found, key=lambda row: row.created_at, reverse=True)


def note_seen(session: Session, sign_in_id: uuid.UUID, now: datetime) -> None:
    session.execute(update(BrowserSession).where(BrowserSession.id == sign_in_id).values(seen_at=now))


def of_provider(session: Session, person_id: uuid.UUID | None, sid: str | None) -> Sequence[BrowserSession]:
    """The pages that the provider let in: those of its session `sid`, or of a person, or of both."""
    query = select(BrowserSession).where(BrowserSession.by_provider)
    if person_id is not None:
        query = query.where(BrowserSession.person_id == person_id)
    if sid is not None:
        query = query.where(BrowserSession.provider_sid == sid)
    return session.scalars(query).all()


def end(session: Session, row: Row) -> bool:
    """Whether it was there still."""
    table = type(row)
    return session.scalar(delete(table).where(table.id == row.id).returning(table.id)) is not None
