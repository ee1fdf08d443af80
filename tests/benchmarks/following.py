"""How long lessons take to follow what changes under them, and a clash check, in a county of Jinzhai's size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.accounts.rules import Principal
from app.accounts.service import find_by_login, principal_of
from app.database import SessionFactory
from app.lessons import bell_changes, clash_report, scheduling
from app.lessons.changes import Doing
from app.seeds.jinzhai import ADMIN
from app.timetables import bells
from app.timetables.models import BellSchedule, Term
from app.timetables.planning import EntryDraft
from app.timetables.rules import Bell

_LATER = timedelta(minutes=5)


def measure_bells(factory: SessionFactory) -> float:
    """Seconds until half a term's lessons of a county follow bells that ring five minutes later; taken back."""
    with factory() as session:
        principal = _admin(session)
        term = session.scalars(select(Term)).one()
        middle = term.first_day + (term.last_day - term.first_day) / 2
        schedule = session.scalars(
            select(BellSchedule)
            .where(BellSchedule.org_unit_id == principal.county_id)
            .options(selectinload(BellSchedule.periods))
        ).one()
        periods = {number: _later(bell) for number, bell in bells.draft_of(schedule).periods.items()}
        doing = Doing(datetime(middle.year, middle.month, middle.day, tzinfo=UTC), principal.person_id)
        began = time.perf_counter()
        bell_changes.change_bells(session, principal, schedule.id, {"periods": periods}, doing, follow=True)
        session.flush()
        seconds = time.perf_counter() - began
        session.rollback()
    return seconds


def measure_checks(factory: SessionFactory, drafts: Sequence[EntryDraft], now: datetime) -> float:
    """Median seconds of checking an entry over its whole term, with what is in its way and the alternatives: each
    of these is in nobody's way where it is, and at its teacher's first period it is."""
    taken: list[float] = []
    with factory() as session:
        principal = _admin(session)
        for draft in [each for free in drafts for each in (free, replace(free, weekday=1, period=1))]:
            began = time.perf_counter()
            findings = scheduling.check_entry(session, principal, draft, now)
            clash_report.described(session, findings)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _admin(session: Session) -> Principal:
    admin = find_by_login(session, ADMIN)
    assert admin is not None
    return principal_of(session, admin.id, datetime.now(UTC))


def _later(bell: Bell) -> Bell:
    day = datetime(2026, 9, 1, tzinfo=UTC)
    starts_at, ends_at = (
        (datetime.combine(day, each) + _LATER).time() for each in (bell.starts_at, bell.ends_at)
    )
    return Bell(starts_at, ends_at)
