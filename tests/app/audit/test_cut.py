"""A trail that has been kept long enough is cut at its old end, and every other change is still found."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.audit import queries, service
from app.audit.models import AuditEvent
from app.audit.rules import Act, Event, Head, seal
from tests import factories

NOW = datetime.now(UTC)


@pytest.fixture
def county_id(session: Session) -> uuid.UUID:
    """A county with ten events, a hundred days apart, the last one of today."""
    county = factories.county(session)
    head = queries.lock_head(session, county.id)
    for number in range(10):
        each = seal(Event(Act.ROOM_ADDED, county.id), head, NOW - timedelta(days=100 * (9 - number)))
        queries.append(session, [each])
        head = Head(each.number, each.hash)
    session.commit()
    return county.id


def faults(session: Session) -> list[str]:
    return [fault.words for report in service.verify(session) for fault in report.faults]


def numbers(session: Session) -> list[int]:
    return list(session.scalars(select(AuditEvent.number).order_by(AuditEvent.number)))


def cut(session: Session, county_id: uuid.UUID, days: int) -> int:
    count = service.cut_old(session, county_id, NOW - timedelta(days=days), NOW)
    session.commit()
    return count


def test_what_was_kept_long_enough_goes_and_the_rest_is_still_verified(
    session: Session, county_id: uuid.UUID
) -> None:
    code = next(report.name for report in service.verify(session))
    anchors = {n: queries.event_hash(session, county_id, n) or "" for n in (2, 4, 6)}
    assert cut(session, county_id, 550) == 4
    assert numbers(session) == [5, 6, 7, 8, 9, 10, 11]
    assert faults(session) == []
    assert [service.check_anchor(session, code, n, digest) for n, digest in anchors.items()] == [None] * 3
    assert service.check_anchor(session, code, 4, "0" * 64) is not None
    assert cut(session, county_id, 550) == 0
    assert cut(session, county_id, 350) == 2
    assert faults(session) == []


@pytest.mark.parametrize("number", [5, 7])
def test_one_that_is_taken_out_or_changed_afterwards_is_missed(
    session: Session, county_id: uuid.UUID, number: int
) -> None:
    cut(session, county_id, 550)
    with pytest.raises(DBAPIError, match="audit_is_append_only"):
        session.execute(text("DELETE FROM audit_events WHERE number = :number"), {"number": number})
    session.rollback()
    postgresql = session.get_bind().dialect.name == "postgresql"
    session.execute(text("DROP TRIGGER audit_events_delete" + (" ON audit_events" if postgresql else "")))
    session.execute(text("DELETE FROM audit_events WHERE number = :number"), {"number": number})
    assert faults(session) == [f"event {number} is missing"]
    session.rollback()


def test_a_cut_that_somebody_else_makes_is_refused_or_found(session: Session, county_id: uuid.UUID) -> None:
    digest = queries.event_hash(session, county_id, 9) or ""
    forged = text("INSERT INTO audit_cuts (county_id, number, hash, at) SELECT county_id, number, :hash, at "
                  "FROM audit_events WHERE number = :number")  # fmt: skip
    session.commit()
    for number, given in ((9, digest), (3, "0" * 64)):  # too young, and not the event that is there
        with pytest.raises(DBAPIError, match="audit_is_append_only"):
            session.execute(forged, {"number": number, "hash": given})
        session.rollback()
    old = queries.event_hash(session, county_id, 3) or ""
    session.execute(forged, {"number": 3, "hash": old})
    assert faults(session) == ["the chain was cut at event 3 by somebody else than the server"]
    session.rollback()


def test_one_that_is_dated_back_takes_nothing_young_with_it(session: Session, county_id: uuid.UUID) -> None:
    head = queries.lock_head(session, county_id)
    queries.append(session, [seal(Event(Act.ROOM_ADDED, county_id), head, NOW - timedelta(days=400))])
    session.commit()
    digest = queries.event_hash(session, county_id, head.number + 1) or ""
    with pytest.raises(DBAPIError, match="audit_is_append_only"):
        queries.cut(session, county_id, Head(head.number + 1, digest), NOW)
    session.rollback()
    assert cut(session, county_id, 350) == 6
    end = Head(head.number + 1, digest)  # nor does a cut that is already there move over young ones
    with pytest.raises(DBAPIError, match="audit_is_append_only"):
        queries.cut(session, county_id, end, NOW)
    session.rollback()


def test_a_cut_is_not_taken_back(session: Session, county_id: uuid.UUID) -> None:
    cut(session, county_id, 550)
    for words in ("DELETE FROM audit_cuts", "UPDATE audit_cuts SET number = 2"):
        with pytest.raises(DBAPIError, match="audit_is_append_only"):
            session.execute(text(words))
        session.rollback()
