"""SQL of the trail."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, String, Uuid, column, delete, func, insert, select, table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app.audit.models import AuditChain, AuditCut, AuditEvent
from app.audit.rules import Act, Event, Head, Sealed
from app.database import rows_of
from app.errors import ClocksApart

_BATCH = 1000
_NOT_OF_NOW = "audit_is_of_now"  # as the trigger on PostgreSQL says
# The tree belongs to a domain that builds on this one; here only a county's code is read.
_org_units = table("org_units", column("id", Uuid()), column("code", String()))


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of events is narrowed by; `before` itself is not included."""

    county_id: uuid.UUID
    acts: frozenset[Act] = frozenset()
    person_id: uuid.UUID | None = None
    subject_id: uuid.UUID | None = None
    since: datetime | None = None
    before: datetime | None = None


def lock_head(session: Session, county_id: uuid.UUID) -> Head:
    """Where a chain ends, with everybody else who wants to add to it waiting until the transaction is over."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = dialect.insert(AuditChain).values(county_id=county_id, number=0, hash=Head().hash)
    session.execute(first.on_conflict_do_nothing())
    ends = select(AuditChain.number, AuditChain.hash).where(AuditChain.county_id == county_id)
    number, digest = session.execute(ends.with_for_update()).one()
    return Head(number, digest)


def append(session: Session, events: Sequence[Sealed]) -> None:
    """Add events to the end of their one chain, and move its head. Raises `ClocksApart`."""
    try:
        session.execute(insert(AuditEvent), [_row(each) for each in events])
    except ProgrammingError as error:
        if _NOT_OF_NOW not in str(error.orig):
            raise
        raise ClocksApart(error.statement, error.params, error.orig or error, hide_parameters=True) from None
    last = events[-1]
    chain = update(AuditChain).where(AuditChain.county_id == last.event.county_id)
    session.execute(chain.values(number=last.number, hash=last.hash))


def heads(session: Session) -> dict[uuid.UUID, Head]:
    rows = session.execute(select(AuditChain.county_id, AuditChain.number, AuditChain.hash))
    return {county_id: Head(number, digest) for county_id, number, digest in rows}


def county_codes(session: Session) -> dict[uuid.UUID, str]:
    return dict(session.execute(select(_org_units.c.id, _org_units.c.code)).all())


def chains_with_events(session: Session) -> Sequence[uuid.UUID]:
    return session.scalars(select(AuditEvent.county_id).distinct()).all()


def cuts(session: Session) -> dict[uuid.UUID, Head]:
    """The last event that was cut off each chain."""
    rows = session.execute(select(AuditCut.county_id, AuditCut.number, AuditCut.hash))
    return {county_id: Head(number, digest) for county_id, number, digest in rows}


def last_before(session: Session, county_id: uuid.UUID, before: datetime, most: int) -> Head | None:
    """The last event before the first younger one, at most `most` after the oldest; None: there is none so old."""
    oldest = select(func.min(AuditEvent.number)).where(AuditEvent.county_id == county_id).scalar_subquery()
    old = (AuditEvent.county_id == county_id, AuditEvent.at < before, AuditEvent.number < oldest + most)
    younger = select(func.min(AuditEvent.number)).where(
        AuditEvent.county_id == county_id, AuditEvent.at >= before, AuditEvent.number < oldest + most
    )  # a clock may once have been wrong: what is younger stays, with all that came after it
    end = func.coalesce(younger.scalar_subquery(), oldest + most)
    query = select(AuditEvent.number, AuditEvent.hash).where(*old, AuditEvent.number < end)
    found = session.execute(query.order_by(AuditEvent.number.desc()).limit(1)).one_or_none()
    return Head(*found) if found is not None else None


def cut(session: Session, county_id: uuid.UUID, last: Head, now: datetime) -> int:
    """Delete a chain's events up to this one; says how many. On PostgreSQL by the owner's function."""
    if session.get_bind().dialect.name == "postgresql":
        call = func.audit_cut(county_id, last.number, last.hash, now, type_=Integer)
        return session.scalars(select(call)).one()
    values = {"number": last.number, "hash": last.hash, "at": now}
    moved = session.execute(update(AuditCut).where(AuditCut.county_id == county_id).values(values))
    if rows_of(moved) == 0:
        session.execute(insert(AuditCut).values(county_id=county_id, **values))
    old = (AuditEvent.county_id == county_id, AuditEvent.number <= last.number)
    return rows_of(session.execute(delete(AuditEvent).where(*old)))


def last_of_act(session: Session, county_id: uuid.UUID, act: Act) -> AuditEvent | None:
    query = select(AuditEvent).where(AuditEvent.county_id == county_id, AuditEvent.act == act)
    return session.scalar(query.order_by(AuditEvent.number.desc()).limit(1))


def whole_chain(session: Session, county_id: uuid.UUID, after: int = -1) -> Iterator[Sealed]:
    """A chain from its first event on, or from the one after a number, a batch in memory at a time."""
    number = after
    while True:
        query = select(AuditEvent).where(AuditEvent.county_id == county_id, AuditEvent.number > number)
        rows = session.scalars(query.order_by(AuditEvent.number).limit(_BATCH)).all()
        yield from map(sealed, rows)
        if len(rows) < _BATCH:
            return
        number = rows[-1].number
        session.expunge_all()


def event_hash(session: Session, county_id: uuid.UUID, number: int) -> str | None:
    query = select(AuditEvent.hash).where(AuditEvent.county_id == county_id, AuditEvent.number == number)
    return session.scalar(query)


def events_page(session: Session, search: Search, below: int | None, limit: int) -> Sequence[AuditEvent]:
    """Events, the newest first."""
    query = select(AuditEvent).where(AuditEvent.county_id == search.county_id)
    if search.acts:
        query = query.where(AuditEvent.act.in_(search.acts))
    if search.person_id is not None:
        query = query.where(AuditEvent.person_id == search.person_id)
    if search.subject_id is not None:
        query = query.where(AuditEvent.subject_id == search.subject_id)
    if search.since is not None:
        query = query.where(AuditEvent.at >= search.since)
    if search.before is not None:
        query = query.where(AuditEvent.at < search.before)
    if below is not None:
        query = query.where(AuditEvent.number < below)
    return session.scalars(query.order_by(AuditEvent.number.desc()).limit(limit)).all()


def sealed(row: AuditEvent) -> Sealed:
    event = Event(
        act=row.act,
        county_id=row.county_id,
        person_id=row.person_id,
        address=row.address,
        org_unit_id=row.org_unit_id,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        before=row.before,
        after=row.after,
    )
    return Sealed(event, row.number, row.at, row.previous, row.hash)


def _row(each: Sealed) -> dict[str, object]:
    event = each.event
    return {
        "county_id": event.county_id,
        "number": each.number,
        "at": each.at,
        "act": event.act,
        "person_id": event.person_id,
        "address": event.address,
        "org_unit_id": event.org_unit_id,
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "before": event.before,
        "after": event.after,
        "previous": each.previous,
        "hash": each.hash,
    }
