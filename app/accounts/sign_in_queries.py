"""SQL of sign-ins: of the browser that shows one, and of a person's own, those of pages and those of programs."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models import BrowserSession, TokenFamily
from app.database import rows_of

Row = BrowserSession | TokenFamily


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """Who is signed in with a browser, since when and until when."""

    id: uuid.UUID
    person_id: uuid.UUID
    created_at: datetime
    expires_at: datetime
    second_factor: bool
    seen_at: datetime | None


_sessions = BrowserSession.__table__.c
_BROWSER = select(
    _sessions.id,
    _sessions.person_id,
    _sessions.created_at,
    _sessions.expires_at,
    _sessions.second_factor,
    _sessions.seen_at,
).where(_sessions.secret_hash == bindparam("secret_hash"))


def browser_session(session: Session, secret_hash: str) -> SignedInBrowser | None:
    row = session.execute(_BROWSER, {"secret_hash": secret_hash}).one_or_none()
    return None if row is None else SignedInBrowser(*row)


def live_sessions(session: Session, secret_hashes: Collection[str], now: datetime) -> set[str]:
    """Those of the hashes that belong to a session which is not over."""
    query = select(BrowserSession.secret_hash).where(
        BrowserSession.secret_hash.in_(secret_hashes), BrowserSession.expires_at > now
    )
    return set(session.scalars(query))


def end_session(session: Session, secret_hash: str) -> None:
    session.execute(delete(BrowserSession).where(BrowserSession.secret_hash == secret_hash))


def forget_sessions(session: Session, person_id: uuid.UUID, before: datetime, keep: int) -> None:
    """Delete those of a person's sessions that ran out before then, and all but the newest."""
    own = BrowserSession.person_id == person_id
    newest = select(BrowserSession.id).where(own).order_by(BrowserSession.created_at.desc()).limit(keep)
    over = or_(BrowserSession.expires_at <= before, BrowserSession.id.not_in(newest))
    session.execute(delete(BrowserSession).where(own, over))


def forget_all_sessions(session: Session, before: datetime) -> int:
    return rows_of(session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= before)))


def sign_ins_of(session: Session, person_id: uuid.UUID, since: datetime | None, now: datetime) -> list[Row]:
    """Those that have not run out, but for the ones from before `since`, which are void."""
    found: list[Row] = []
    for table in (BrowserSession, TokenFamily):
        query = select(table).where(table.person_id == person_id, table.expires_at > now)
        if since is not None:
            query = query.where(table.created_at >= since)
        found += session.scalars(query)
    return sorted(found, key=lambda row: row.created_at, reverse=True)


def hold_family(session: Session, family_id: uuid.UUID) -> datetime | None:
    """When a program's sign-in runs out; None when it was ended. Whoever wants to end it waits for us."""
    query = select(TokenFamily.expires_at).where(TokenFamily.id == family_id)
    return session.scalar(query.with_for_update(read=True, key_share=True))


def renew(session: Session, sign_in_id: uuid.UUID, fresh: Mapping[str, object]) -> bool:
    """Whether it was there still."""
    renewed = update(BrowserSession).where(BrowserSession.id == sign_in_id).values(**fresh)
    return rows_of(session.execute(renewed)) > 0


def prolong(session: Session, sign_in_id: uuid.UUID, until: datetime, longest: timedelta) -> None:
    """Put off the end of a page's sign-in, but not beyond that of the program whose token opened it."""
    found = select(BrowserSession.created_at, BrowserSession.family_id).where(BrowserSession.id == sign_in_id)
    row = session.execute(found).one_or_none()
    if row is None:
        return
    begun, family_id = row
    end = min(until, begun + longest)
    if family_id is not None and (of_program := hold_family(session, family_id)) is not None:
        end = min(end, of_program)
    sooner = (BrowserSession.id == sign_in_id, BrowserSession.expires_at < end)
    session.execute(update(BrowserSession).where(*sooner).values(expires_at=end))


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
