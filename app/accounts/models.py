"""Tables of people and their assignments."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false, func, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.rules import GuestRole, MailPurpose, Role, Source
from app.database import Base, new_id, word
from app.versions import Versioned


class Person(Versioned, Base):
    """Somebody who can sign in, belonging to one county."""

    __tablename__ = "people"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"), index=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    email_proven: Mapped[bool] = mapped_column(
        default=True, server_default=true()
    )  # else an admin entered it
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=False)  # somebody else chose it
    active: Mapped[bool] = mapped_column(default=True)
    tokens_since: Mapped[datetime | None]  # tokens from before are void
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    erased_at: Mapped[datetime | None]  # what is left is a pseudonym

    assignments: Mapped[list["Assignment"]] = relationship(
        lazy="raise", order_by="Assignment.valid_from", cascade="all, delete-orphan"
    )


class BrowserSession(Base):
    """A browser that is signed in as somebody, by the hash of what its cookie holds."""

    __tablename__ = "browser_sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())  # of the provider
    by_provider: Mapped[bool] = mapped_column(default=False, server_default=false())
    provider_sid: Mapped[str | None] = mapped_column(String(255), index=True)  # what the provider calls it
    family_id: Mapped[uuid.UUID | None] = mapped_column(  # of the program whose token opened it
        ForeignKey("token_families.id", ondelete="CASCADE"), index=True
    )
    device: Mapped[str | None] = mapped_column(String(60))
    address: Mapped[str | None] = mapped_column(String(64))
    seen_at: Mapped[datetime | None]


class TokenFamily(Base):
    """What became of one sign-in of a program: each refresh token in it follows from the one before.

    Only the newest one is good. Ended families are deleted, and with them all that was given in them.
    """

    __tablename__ = "token_families"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="life"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    device: Mapped[str | None] = mapped_column(String(60))
    address: Mapped[str | None] = mapped_column(String(64))
    seen_at: Mapped[datetime | None]


class AccessToken(Base):
    """A person's token for a script: for some actions only, and for a while."""

    __tablename__ = "access_tokens"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="life"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(Text)  # words with spaces between them (RFC 6749 §3.3)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class SecondFactor(Base):
    """The secret of somebody's app for one-time codes, sealed by a key that is not in the database."""

    __tablename__ = "second_factors"

    person_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=True
    )
    secret_sealed: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # counts from then on
    last_step: Mapped[int]  # codes of this step and before have been used


class RecoveryCode(Base):
    """A code for when the app is gone, good once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("person_id", "code_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class Assignment(Base):
    """A role of a person on an org unit and everything below it, from one day to another, both included."""

    __tablename__ = "assignments"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="days_in_order"),
        Index(None, "org_unit_id", "role"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    role: Mapped[Role] = mapped_column(word(Role))
    org_unit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    source: Mapped[Source] = mapped_column(
        word(Source), default=Source.LOCAL, server_default=Source.LOCAL.value
    )


class MailedLink(Base):
    """A link that was mailed to somebody, by the hash of what it holds. It is deleted when it is used."""

    __tablename__ = "mailed_links"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[MailPurpose] = mapped_column(word(MailPurpose))
    email: Mapped[str] = mapped_column(String(254))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Unlock(Base):
    """Word to every running server that an account may be tried again, whatever was got wrong before."""

    __tablename__ = "unlocks"

    login: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class RoomTerminal(Base):
    """A room's big screen: a device that proves itself with a key of its own. One that was removed stays listed."""

    __tablename__ = "room_terminals"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"), index=True)
    room_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rooms.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    public_key: Mapped[str] = mapped_column(String(100))  # P-256, x and y in base64url with a dot between
    paired_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    challenged_at: Mapped[datetime | None]  # of the newest challenge it met; older ones are used up
    removed_at: Mapped[datetime | None]


class TerminalPairing(Base):
    """A device that shows a code and waits to be let in; nothing is left of it a while later."""

    __tablename__ = "terminal_pairings"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code: Mapped[str] = mapped_column(String(8), unique=True)
    public_key: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    terminal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("room_terminals.id"))


class GuestLink(Base):
    """Lets somebody without an account into one lesson, by the hash of what the link holds."""

    __tablename__ = "guest_links"
    __table_args__ = (CheckConstraint("used >= 0 AND used <= uses", name="used_within_uses"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("org_units.id"))
    lesson_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lessons.id", ondelete="CASCADE"), index=True)
    role: Mapped[GuestRole] = mapped_column(word(GuestRole))
    name: Mapped[str] = mapped_column(String(200))  # whom it is for
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    uses: Mapped[int]
    used: Mapped[int] = mapped_column(default=0)
    revoked_at: Mapped[datetime | None]
