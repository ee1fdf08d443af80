"""Use cases of notices: reading one's own, and forgetting old ones."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.errors import NotFound
from app.feeds.rules import Language
from app.notices import queries
from app.notices.models import Notice
from app.notices.rules import MOST_KEPT
from app.notices.wording import Names, Words, words
from app.schools import service as schools


def list_notices(
    session: Session,
    principal: Principal,
    unread: bool,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> tuple[Sequence[Notice], bool]:
    """One's own notices, the newest first, and whether there are more."""
    found = queries.notices_page(session, principal.person_id, unread, before, limit + 1)
    return found[:limit], len(found) > limit


def count_unread(session: Session, principal: Principal) -> int:
    """How many of one's own notices are new."""
    return queries.unread(session, principal.person_id)


def mark_read(session: Session, principal: Principal, notice_id: UUID, now: datetime) -> Notice:
    """Note that one has read a notice; doing it again changes nothing."""
    missing = NotFound("notice.not_found", "No such notice", f"There is no notice {notice_id}.")
    notice = queries.notice(session, notice_id)
    if notice is None:
        raise missing
    require(
        principal, Action.NOTICE_READ, Target(notice.county_id, person_id=notice.person_id), missing=missing
    )
    notice.read_at = notice.read_at or now
    session.flush()
    return notice


def mark_all_read(session: Session, principal: Principal, told_until: datetime, now: datetime) -> int:
    """Note that one has read all one was told until then."""
    return queries.mark_read(session, principal.person_id, told_until, now)


def say(session: Session, notices: Sequence[Notice], language: Language) -> list[Words]:
    """What some notices of one county say, in a few queries however many they are."""
    if not notices:
        return []
    names = _names(session, notices)
    return [words(each.kind, each.items, each.changes, each.reason, names, language) for each in notices]


def forget(session: Session, told_before: datetime) -> int:
    """Delete notices from before then, and what is beyond the bound for one person; says how many."""
    return queries.forget_old(session, told_before) + queries.forget_beyond(session, MOST_KEPT)


def _names(session: Session, notices: Sequence[Notice]) -> Names:
    states = list(_states(notices))
    people = accounts.names(session, {UUID(each["teacher_id"]) for each in states})
    rooms = schools.rooms(session, {UUID(each["main_room_id"]) for each in states})
    units = schools.org_units(session, {UUID(site) for each in states for site in each["sites"]})
    county = schools.get_org_unit(session, notices[0].county_id)
    return Names(
        people={str(key): name for key, name in people.items()},
        rooms={str(key): room.name for key, room in rooms.items()},
        units={str(key): unit.name for key, unit in units.items()},
        zone=schools.time_zone_of(session, county),
    )


def _states(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    for notice in notices:
        for item in notice.items:
            yield from (item[key] for key in ("before", "after") if item[key] is not None)
