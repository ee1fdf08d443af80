"""Use cases of the trail: noting an act in the transaction that does it, searching, and finding tampering.

`note` only remembers. The events are sealed and written when the transaction is about to commit, when everything
else in it is done: the lock of the county's chain is held for one insert and the commit, not for the act.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from app.audit import queries
from app.audit.models import AuditEvent
from app.audit.queries import Search as Search
from app.audit.rules import SERVER_CHAIN, Act, Event, Facts, Fault, Head, Sealed, faults, seal, written
from app.database import CALLER_ADDRESS, SessionFactory

_NOTES = "audit notes"
CUT_AT_ONCE: Final = 5000
"""Events that are deleted in one transaction, which keeps others who want to add to the chain waiting."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act is done to: a kind of thing, its id, and where in the county's tree it is."""

    kind: str
    id: uuid.UUID
    org_unit_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What was found in one chain."""

    county_id: uuid.UUID
    name: str
    head: Head
    faults: tuple[Fault, ...]


def note(
    session: Session,
    act: Act,
    county_id: uuid.UUID,
    person_id: uuid.UUID | None,
    subject: Subject | None = None,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Remember an act of this transaction; it is written if the transaction commits, and only then.

    Call it outside of savepoints: one that is rolled back does not take its notes along, unless it is a `trial`.
    """
    session.connection()  # there is a transaction from here on, whose end decides about the note
    notes: list[Event] | None = session.info.get(_NOTES)
    if notes is None:
        notes = session.info[_NOTES] = []
        event.listen(session, "before_commit", _write)
        event.listen(session, "after_soft_rollback", _forget)
    notes.append(
        Event(
            act=act,
            county_id=county_id,
            person_id=person_id,
            address=session.info.get(CALLER_ADDRESS),
            org_unit_id=subject.org_unit_id if subject else None,
            subject_kind=subject.kind if subject else None,
            subject_id=subject.id if subject else None,
            before=written(before),
            after=written(after),
        )
    )


def note_export(
    factory: SessionFactory,
    address: str,
    act: Act,
    county_id: uuid.UUID,
    person_id: uuid.UUID,
    facts: Facts,
) -> None:
    """Note that somebody is about to take data away, in a transaction of its own: nothing else is changed by it."""
    with factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        note(session, act, county_id, person_id, Subject("county", county_id, county_id), after=facts)


@contextmanager
def trial(session: Session) -> Iterator[None]:
    """Do something to see what would come of it: at the end of the block it is taken back, notes and all."""
    noted = len(session.info.get(_NOTES, ()))
    try:
        with suppress(_TrialOver), session.begin_nested():
            yield
            raise _TrialOver
    finally:
        del session.info.get(_NOTES, [])[noted:]


class _TrialOver(Exception):
    """Takes a savepoint back; it never leaves `trial`."""


def _write(session: Session) -> None:
    notes: list[Event] = session.info[_NOTES]
    if not notes or session.in_nested_transaction():
        return
    session.flush()  # whatever else waits for a lock does so before the chain's is taken
    by_chain: dict[uuid.UUID, list[Event]] = defaultdict(list)
    for each in notes:
        by_chain[each.county_id].append(each)
    notes.clear()
    for county_id, events in sorted(by_chain.items()):  # in one order, or two could wait for each other
        head = queries.lock_head(session, county_id)
        now = datetime.now(UTC)
        sealed: list[Sealed] = []
        for each in events:
            sealed.append(seal(each, head, now))
            head = Head(sealed[-1].number, sealed[-1].hash)
        queries.append(session, sealed)


def _forget(session: Session, ended: SessionTransaction) -> None:
    if not ended.nested:
        session.info[_NOTES].clear()


def list_events(
    session: Session, search: Search, below: int | None, limit: int
) -> tuple[Sequence[AuditEvent], int | None]:
    """Events of a county, the newest first, and where the next page starts."""
    found = queries.events_page(session, search, below, limit + 1)
    page = found[:limit]
    return page, page[-1].number if len(found) > limit else None


def was_noted(
    session: Session,
    act: Act,
    county_id: uuid.UUID,
    person_id: uuid.UUID,
    subject_id: uuid.UUID,
    since: datetime,
) -> bool:
    """Whether somebody did this to that since then, as far as it was committed."""
    search = Search(county_id, frozenset({act}), person_id, subject_id, since)
    return bool(queries.events_page(session, search, None, 1))


def cut_old(session: Session, county_id: uuid.UUID, before: datetime, now: datetime) -> int:
    """Delete a chain's events from before then, a batch of them; says how many.

    The event after the last one that went stays sealed to it. Where the cut was made stands in the chain itself, so
    that nobody can make another one unseen; and the database lets no event go that is younger than 180 days.
    """
    queries.lock_head(session, county_id)
    last = queries.last_before(session, county_id, before, CUT_AT_ONCE)
    if last is None:
        return 0
    note(session, Act.AUDIT_CUT, county_id, None, after={"number": last.number, "hash": last.hash})
    return queries.cut(session, county_id, last, now)


def chains(session: Session) -> list[uuid.UUID]:
    """The counties with a chain, and the server's own."""
    return sorted(queries.heads(session))


def heads(session: Session) -> dict[uuid.UUID, Head]:
    """Where each chain ends."""
    return queries.heads(session)


def anchors(session: Session) -> list[str]:
    """Where each chain ends, as `verify-audit` prints it and takes it back."""
    codes = {SERVER_CHAIN: "server", **queries.county_codes(session)}
    return [
        f"{codes.get(chain, str(chain))}:{head.number}:{head.hash}"
        for chain, head in sorted(queries.heads(session).items())
    ]


def verify(session: Session) -> Iterator[ChainReport]:
    """Check every chain from its first event to its last, or from where it was cut."""
    heads, cuts = queries.heads(session), queries.cuts(session)
    codes = {SERVER_CHAIN: "server", **queries.county_codes(session)}
    for county_id in sorted({*heads, *cuts, *queries.chains_with_events(session)}):
        head, cut = heads.get(county_id, Head()), cuts.get(county_id)
        events = queries.whole_chain(session, county_id, cut.number if cut else -1)
        found = (*faults(events, head, cut), *_cut_faults(session, county_id, cut))
        yield ChainReport(county_id, codes.get(county_id, str(county_id)), head, found)


def _cut_faults(session: Session, county_id: uuid.UUID, cut: Head | None) -> Iterator[Fault]:
    """A cut that does not stand in the chain was made by somebody else."""
    if cut is None:
        return
    noted = queries.last_of_act(session, county_id, Act.AUDIT_CUT)
    if noted is None or noted.after != written({"number": cut.number, "hash": cut.hash}):
        yield Fault(cut.number, f"the chain was cut at event {cut.number} by somebody else than the server")


def check_anchor(session: Session, name: str, number: int, digest: str) -> Fault | None:
    """Whether a chain still has the event that was noted elsewhere as its head; None when it has."""
    codes = {"server": SERVER_CHAIN} | {code: each for each, code in queries.county_codes(session).items()}
    cut = queries.cuts(session).get(codes[name]) if name in codes else None
    if cut is not None and number < cut.number:
        return None  # it was kept as long as the settings say
    if cut is not None and number == cut.number:
        return None if cut.hash == digest else Fault(number, f"event {number} is not the one that was noted")
    found = queries.event_hash(session, codes[name], number) if name in codes else None
    if found is None:
        return Fault(number, f"event {number} is missing")
    if found != digest:
        return Fault(number, f"event {number} is not the one that was noted")
    return None
