"""Those who act without an account: room terminals and guests."""

import uuid
from collections.abc import Collection, Iterator
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.accounts import pass_queries
from app.accounts.days import county_today
from app.accounts.models import GuestLink, RoomTerminal
from app.accounts.rules import GuestRole, Holder, HolderKind, Pass, Principal
from app.errors import Unauthenticated

_ROLES = {GuestRole.TEACHER: Pass.GUEST_TEACHER, GuestRole.OBSERVER: Pass.GUEST_OBSERVER}


def principals(session: Session, holders: Collection[Holder], now: datetime) -> Iterator[Principal]:
    """Those of the holders that are terminals or guests and still good, as of now."""
    terminals = {holder.id for holder in holders if holder.kind is HolderKind.TERMINAL}
    guests = {holder.id for holder in holders if holder.kind is HolderKind.GUEST}
    for terminal in pass_queries.terminals_by_ids(session, terminals) if terminals else ():
        if terminal.removed_at is None:
            yield _terminal(terminal, county_today(session, terminal.county_id, now))
    for link in pass_queries.guest_links_by_ids(session, guests) if guests else ():
        if link.revoked_at is None and now < link.expires_at:
            yield _guest(link, county_today(session, link.county_id, now))


def principal(session: Session, kind: HolderKind, id_: uuid.UUID, now: datetime) -> Principal:
    """One of them; raises `Unauthenticated` when it is not good any more."""
    for found in principals(session, (Holder(kind, id_),), now):
        return found
    if kind is HolderKind.TERMINAL:
        raise terminal_removed()
    raise Unauthenticated(
        "guest.over", "Link over", "This guest link has run out or was taken back; ask for another."
    )


def terminal_removed() -> Unauthenticated:
    """The refusal of a device that is not the terminal of a room, or not any more."""
    return Unauthenticated(
        "terminal.removed", "Terminal removed", "This device is no room's terminal any more; pair it again."
    )


def _terminal(terminal: RoomTerminal, today: date) -> Principal:
    who = (terminal.id, terminal.name, terminal.county_id, ())
    return Principal(*who, today, held=Pass.TERMINAL, room_id=terminal.room_id)


def _guest(link: GuestLink, today: date) -> Principal:
    who = (link.id, link.name, link.county_id, ())
    return Principal(*who, today, held=_ROLES[link.role], lesson_id=link.lesson_id)
