"""SQL of notices by mail."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.database import rows_of
from app.notices.models import Notice, NoticeLetter, NoticeSettings
from app.notices.retrying import DeliveryState

_WAITING = NoticeLetter.done_at.is_(None)
"""The same as the state of that name, in the words of the index."""

UNWANTED: Final = "no longer wanted, or no address"
"""Why a letter was dropped that nobody waits for; all others that were given up could not be sent."""
_GIVEN_UP: Final = (NoticeLetter.state == DeliveryState.DEAD, NoticeLetter.problem != UNWANTED)
_Given = tuple[NoticeLetter, str]


def given_up(
    session: Session, county_id: UUID, before: tuple[dt.datetime, UUID] | None, limit: int
) -> Sequence[_Given]:
    """Letters to a county's people that could not be sent, the newest first, and to whom."""
    query = select(NoticeLetter, Person.name).join(Person, Person.id == NoticeLetter.person_id)
    query = query.where(Person.county_id == county_id, *_GIVEN_UP)
    if before is not None:
        query = query.where(tuple_(NoticeLetter.created_at, NoticeLetter.id) < tuple_(*before))
    newest = (NoticeLetter.created_at.desc(), NoticeLetter.id.desc())
    return [(letter, name) for letter, name in session.execute(query.order_by(*newest).limit(limit))]


def revive(session: Session, county_id: UUID, since: dt.datetime, now: dt.datetime) -> int:
    """Let those wait again that were made since then and could not be sent; says how many."""
    people = select(Person.id).where(Person.county_id == county_id)
    gone = (NoticeLetter.person_id.in_(people), NoticeLetter.created_at >= since, *_GIVEN_UP)
    anew = {"state": DeliveryState.WAITING, "done_at": None, "attempts": 0, "next_at": now}
    return rows_of(session.execute(update(NoticeLetter).where(*gone).values(anew)))


def settings(session: Session, person_ids: Collection[UUID]) -> dict[UUID, NoticeSettings]:
    """What people said about being told."""
    query = select(NoticeSettings).where(NoticeSettings.person_id.in_(person_ids))
    return {each.person_id: each for each in session.scalars(query)}


def notices(session: Session, ids: Collection[UUID]) -> Sequence[Notice]:
    """Notices by id, the oldest first."""
    return session.scalars(select(Notice).where(Notice.id.in_(ids)).order_by(Notice.told_at, Notice.id)).all()


def anything_due(session: Session, now: dt.datetime) -> bool:
    query = select(NoticeLetter.id).where(_WAITING, NoticeLetter.next_at <= now).limit(1)
    return session.scalar(query) is not None


def waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(NoticeLetter).where(_WAITING)) or 0


def claim(session: Session, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[NoticeLetter]:
    """The letters that are due longest, for an attempt of ours; two who claim at once get different ones."""
    query = (
        select(NoticeLetter)
        .where(_WAITING, NoticeLetter.next_at <= now)
        .order_by(NoticeLetter.next_at, NoticeLetter.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    found = session.scalars(query).all()
    for each in found:
        each.attempts += 1
        each.next_at = until
    session.flush()
    return found


def settle(session: Session, letter_ids: Collection[UUID], values: Mapping[str, object]) -> None:
    """Write how it went, to those that are not settled yet."""
    own = (NoticeLetter.id.in_(letter_ids), _WAITING)
    session.execute(update(NoticeLetter).where(*own).values(values))
