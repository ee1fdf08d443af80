"""SQL of mail addresses and of the links that are mailed."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models import MailedLink, Person
from app.accounts.rules import MailPurpose


def people_with_mail(session: Session, login: str | None, address: str | None, most: int) -> Sequence[Person]:
    """People who can be written to, by login or by address; first those who proved that it is theirs."""
    query = select(Person).where(Person.active.is_(True), Person.email.is_not(None))
    query = query.where(Person.login == login if login is not None else Person.email == address)
    return session.scalars(query.order_by(Person.email_proven.desc(), Person.login).limit(most)).all()


def link(
    session: Session, secret_hash: str, purposes: Collection[MailPurpose], now: datetime
) -> MailedLink | None:
    """A link for one of these purposes that is still good."""
    query = select(MailedLink).where(
        MailedLink.secret_hash == secret_hash,
        MailedLink.purpose.in_(purposes),
        MailedLink.expires_at > now,
    )
    return session.scalar(query)


def use_link(session: Session, link_id: uuid.UUID) -> bool:
    """Take a link out of the world; False when somebody else did."""
    used = delete(MailedLink).where(MailedLink.id == link_id).returning(MailedLink.id)
    return session.scalar(used) is not None


def forget_links(session: Session, person_id: uuid.UUID, purposes: Collection[MailPurpose]) -> None:
    of_person = (MailedLink.person_id == person_id, MailedLink.purpose.in_(purposes))
    session.execute(delete(MailedLink).where(*of_person))


def forget_later(session: Session, used: MailedLink) -> None:
    """Delete a person's links for the same purpose that were made after this one."""
    later = (MailedLink.person_id == used.person_id, MailedLink.created_at >= used.created_at)
    session.execute(delete(MailedLink).where(*later, MailedLink.purpose == used.purpose))


def waiting_address(session: Session, person_id: uuid.UUID, now: datetime) -> str | None:
    """The address that its owner has yet to confirm."""
    query = select(MailedLink.email).where(
        MailedLink.person_id == person_id,
        MailedLink.purpose == MailPurpose.CONFIRM,
        MailedLink.expires_at > now,
    )
    return session.scalar(query.order_by(MailedLink.created_at.desc()).limit(1))
