"""SQL of what programs sign in with: refresh families and access tokens; and of what any right rests on."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    delete,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.accounts.models import (
    AccessToken,
    BrowserSession,
    MailedLink,
    TokenFamily,
)
from app.accounts.rules import Basis, BasisKind


def token_family(session: Session, family_id: uuid.UUID) -> TokenFamily | None:
    return session.get(TokenFamily, family_id)


def turn_family(session: Session, family_id: uuid.UUID, old: str, new: str, now: datetime) -> bool:
    """Put the next refresh token's hash in the place of the last one's; False when it was not the last one."""
    last = (TokenFamily.id == family_id, TokenFamily.secret_hash == old)
    fresh = {"secret_hash": new, "seen_at": now}
    turned = update(TokenFamily).where(*last).values(**fresh).returning(TokenFamily.id)
    return session.scalar(turned) is not None


def end_family(session: Session, family_id: uuid.UUID) -> bool:
    ended = delete(TokenFamily).where(TokenFamily.id == family_id).returning(TokenFamily.id)
    return session.scalar(ended) is not None


def forget_families(session: Session, person_id: uuid.UUID, keep: int) -> None:
    """Delete all but the newest of a person's."""
    own = TokenFamily.person_id == person_id
    newest = select(TokenFamily.id).where(own).order_by(TokenFamily.created_at.desc()).limit(keep)
    session.execute(delete(TokenFamily).where(own, TokenFamily.id.not_in(newest)))


def forget_expired_tokens(session: Session, now: datetime) -> int:
    """Delete the families, access tokens and mailed links that ran out; says how many."""
    found = 0
    for table_ in (TokenFamily, AccessToken, MailedLink):
        gone = delete(table_).where(table_.expires_at <= now).returning(table_.id)
        found += len(session.scalars(gone).all())
    return found


def access_token(session: Session, secret_hash: str) -> AccessToken | None:
    return session.scalar(select(AccessToken).where(AccessToken.secret_hash == secret_hash))


def access_token_by_id(session: Session, token_id: uuid.UUID) -> AccessToken | None:
    return session.get(AccessToken, token_id)


def access_tokens_of(session: Session, person_id: uuid.UUID) -> Sequence[AccessToken]:
    """A person's access tokens, the newest first."""
    query = select(AccessToken).where(AccessToken.person_id == person_id)
    return session.scalars(query.order_by(AccessToken.created_at.desc(), AccessToken.id)).all()


def note_use(session: Session, token_id: uuid.UUID, now: datetime) -> None:
    session.execute(update(AccessToken).where(AccessToken.id == token_id).values(last_used_at=now))


_BASES: Final[dict[BasisKind, type[AccessToken] | type[TokenFamily] | type[BrowserSession]]] = {
    BasisKind.ACCESS_TOKEN: AccessToken,
    BasisKind.FAMILY: TokenFamily,
    BasisKind.BROWSER: BrowserSession,
}


def living_bases(session: Session, bases: Collection[Basis], now: datetime) -> set[Basis]:
    """Those that are there and have not run out."""
    found = set()
    for kind, table_ in _BASES.items():
        ids = [basis.id for basis in bases if basis.kind is kind]
        if ids:
            query = select(table_.id).where(table_.id.in_(ids), table_.expires_at > now)
            found |= {Basis(kind, each) for each in session.scalars(query)}
    return found
