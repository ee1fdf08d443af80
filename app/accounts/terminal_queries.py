"""SQL of room terminals and of devices that wait to be one."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, Uuid, column, delete, func, or_, select, table, update
from sqlalchemy.orm import Session

from app.accounts.models import RoomTerminal, TerminalPairing

# Rooms and the tree belong to the schools domain, which builds on this one; here only their shape is read.
_rooms = table(
    "rooms",
    column("id", Uuid()),
    column("org_unit_id", Uuid()),
    column("kind", String()),
    column("name", String()),
)
_org_units = table(
    "org_units",
    column("id", Uuid()),
    column("county_id", Uuid()),
    column("path", String()),
    column("name", String()),
)


@dataclass(frozen=True)
class RoomFacts:
    """What terminals need to know of a room."""

    id: uuid.UUID
    org_unit_id: uuid.UUID
    county_id: uuid.UUID
    kind: str
    name: str
    """With that of its school or site."""


def rooms(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, RoomFacts]:
    query = (
        select(_rooms, _org_units.c.county_id, _org_units.c.name.label("unit"))
        .join(_org_units, _org_units.c.id == _rooms.c.org_unit_id)
        .where(_rooms.c.id.in_(ids))
    )
    return {
        row.id: RoomFacts(row.id, row.org_unit_id, row.county_id, row.kind, f"{row.unit} · {row.name}"[:200])
        for row in session.execute(query)
    }


def forget_pairings(session: Session, now: datetime) -> None:
    """Delete what nobody waits for any more."""
    session.execute(delete(TerminalPairing).where(TerminalPairing.expires_at <= now))


def count_pairings(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(TerminalPairing)).one()


def pairing_by_secret(session: Session, secret_hash: str) -> TerminalPairing | None:
    return session.scalar(select(TerminalPairing).where(TerminalPairing.secret_hash == secret_hash))


def pairing_by_code(session: Session, code: str) -> TerminalPairing | None:
    return session.scalar(select(TerminalPairing).where(TerminalPairing.code == code))


def take_pairing(session: Session, pairing_id: uuid.UUID, terminal_id: uuid.UUID) -> bool:
    """Give a device that waits its terminal; False when it has one already."""
    free = (TerminalPairing.id == pairing_id, TerminalPairing.terminal_id.is_(None))
    taken = update(TerminalPairing).where(*free).values(terminal_id=terminal_id).returning(TerminalPairing.id)
    return session.scalars(taken).first() is not None


def terminals_page(
    session: Session,
    county_id: uuid.UUID,
    below: Collection[str] | None,
    after: uuid.UUID | None,
    limit: int,
) -> Sequence[RoomTerminal]:
    """Terminals of a county by id; with `below`, only those in rooms of these paths or under them."""
    query = select(RoomTerminal).where(RoomTerminal.county_id == county_id, RoomTerminal.removed_at.is_(None))
    if below is not None:
        paths = (or_(_org_units.c.path == path, _org_units.c.path.startswith(path + "/")) for path in below)
        within = (
            select(_rooms.c.id).join(_org_units, _org_units.c.id == _rooms.c.org_unit_id).where(or_(*paths))
        )
        query = query.where(RoomTerminal.room_id.in_(within))
    if after is not None:
        query = query.where(RoomTerminal.id > after)
    return session.scalars(query.order_by(RoomTerminal.id).limit(limit)).all()


def meet_challenge(session: Session, terminal_id: uuid.UUID, asked_at: datetime, now: datetime) -> bool:
    """Note that a device met a challenge; False when it met that one or a newer one before."""
    newer = or_(RoomTerminal.challenged_at.is_(None), RoomTerminal.challenged_at < asked_at)
    met = (
        update(RoomTerminal)
        .where(RoomTerminal.id == terminal_id, RoomTerminal.removed_at.is_(None), newer)
        .values(challenged_at=asked_at, last_seen_at=now)
        .returning(RoomTerminal.id)
    )
    return session.scalars(met).first() is not None
