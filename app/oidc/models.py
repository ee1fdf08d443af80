"""Tables of whom the identity provider vouches for."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, new_id


class ProviderIdentity(Base):
    """Somebody's account at an identity provider, connected with theirs here."""

    __tablename__ = "provider_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("person_id", "issuer"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    connected_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)  # when the provider vouched last


class UsedState(Base):
    """The state of an attempt that came back, by its hash: it does not come back again.

    Logout tokens that came, and who signed out at the provider when, are remembered here, too.
    """

    __tablename__ = "used_states"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(index=True)
