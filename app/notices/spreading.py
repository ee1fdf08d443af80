"""From what happened to what each one is told, in one transaction: that it is taken, and what is made of it.

A crash before the commit leaves the changes waiting, one after it leaves everything made. Whoever spreads does so
alone: two at once could both begin the one notice of an act.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.rules import Role
from app.database import take_turns
from app.lessons.news import News, take_news
from app.notices import delivering, mailing, queries
from app.notices.models import Notice
from app.notices.rules import MOST_ITEMS, Concerned, concerned, kept_of, readers
from app.schools import service as schools
from app.schools.rules import path_ids

AT_ONCE: Final = 500
"""Changes that are spread in one transaction."""

_TURN: Final = UUID("8b0d7bb4-6a8e-4b0e-8f4d-0c1f5a2f9e10")
_LOOKING_AFTER: Final = frozenset({Role.SCHOOL_ADMIN, Role.SITE_ASSISTANT})


def spread(session: Session, now: datetime, limit: int = AT_ONCE, *, mail: bool = False) -> int:
    """Tell everybody concerned of the oldest waiting changes, by mail too if there is any; says how many were taken."""
    take_turns(session, [_TURN])
    news = take_news(session, limit, now)
    by_county: dict[UUID, list[News]] = defaultdict(list)
    for each in news:
        by_county[each.change.county_id].append(each)
    for county_id, found in by_county.items():
        new = _tell(session, county_id, found, now)
        if mail:
            mailing.put_down(session, new, now)
        delivering.put_down(session, county_id, found, now)
    return len(news)


def _tell(session: Session, county_id: UUID, news: Sequence[News], now: datetime) -> list[Notice]:
    """Write what people read: one notice a person and act, which what comes later of the same act is added to.

    Returns those that are new.
    """
    new: list[Notice] = []
    told = {
        (each.person_id, each.act_id): each
        for each in queries.notices_of_acts(session, {each.change.act_id for each in news})
    }
    news = sorted(
        news, key=lambda each: (each.change.at, each.after.get("starts_at", ""))
    )  # as people read them
    for each, people in zip(news, _readers(session, county_id, news, now), strict=True):
        for person_id in sorted(people - {each.change.person_id}):  # whoever did it knows
            notice = told.get((person_id, each.change.act_id))
            if notice is None:
                told[person_id, each.change.act_id] = notice = _notice(each, person_id, now)
                new.append(notice)
            else:
                notice.changes += 1
            if len(notice.items) < MOST_ITEMS:
                notice.items = [*notice.items, _item(each)]
    session.add_all(new)
    session.flush()
    return new


def _readers(session: Session, county_id: UUID, news: Sequence[News], now: datetime) -> list[frozenset[UUID]]:
    """Who is told of each change; a few queries however many there are."""
    whom = [concerned(each.before, each.after) for each in news]
    holders = accounts.holders(session, county_id, _LOOKING_AFTER, now)
    paths = _paths(session, whom)
    found = [readers(each, holders, paths) for each in whom]
    active = accounts.active_people(session, frozenset[UUID]().union(*found))
    return [each & active for each in found]


def _paths(session: Session, whom: Sequence[Concerned]) -> Mapping[UUID, Sequence[UUID]]:
    units = schools.org_units(session, frozenset[UUID]().union(*(each.units for each in whom)))
    return {unit.id: path_ids(unit.path) for unit in units.values()}


def _notice(news: News, person_id: UUID, now: datetime) -> Notice:
    change = news.change
    return Notice(
        county_id=change.county_id,
        person_id=person_id,
        act_id=change.act_id,
        kind=change.kind,
        at=change.at,
        told_at=now,
        reason=change.reason,
        changes=1,
        items=[],
        read_at=None,
    )


def _item(news: News) -> dict[str, Any]:
    change = news.change
    return {
        "kind": change.kind.value,
        "lesson_id": str(change.lesson_id) if change.lesson_id else None,
        "entry_id": str(change.entry_id) if change.entry_id else None,
        "before": kept_of(news.before),
        "after": kept_of(news.after),
    }
