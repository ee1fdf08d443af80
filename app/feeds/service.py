"""Use cases of calendar feeds: making, listing and revoking addresses, and reading what is under them."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.permissions import Action
from app.accounts.reach import Target, allows, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.errors import Conflict, NotFound, Unauthenticated
from app.feeds import queries, rules
from app.feeds.models import CalendarFeed
from app.feeds.rules import Language
from app.lessons.diary import DiaryEntry, Whose, diary, room_names
from app.schools import service as schools
from app.schools import subjects

MOST_FEEDS = 50
_SECRET_BYTES = 32
_LONGEST_SECRET = 64


@dataclass(frozen=True)
class Contents:
    """What is under the address of a feed just now."""

    feed: CalendarFeed
    name: str
    entries: Sequence[DiaryEntry]
    subjects: Mapping[str, str]
    """What their codes are called in the feed's language."""
    zone: ZoneInfo
    ends_before: date | None
    """Not all lessons are in it: the first day of which there are none."""

    @property
    def entity_tag(self) -> str:
        return rules.entity_tag(str(self.feed.id), self.name, self.entries, self.subjects)

    def calendar(self, public_url: str) -> bytes:
        """The iCalendar object."""
        return rules.calendar_of(
            self.entries,
            self.subjects,
            self.name,
            self.feed.language,
            self.zone,
            public_url,
            self.feed.created_at,
            self.ends_before,
        )


def add_feed(
    session: Session,
    principal: Principal,
    whose: Whose,
    subject_id: UUID,
    language: Language,
    now: datetime,
) -> tuple[CalendarFeed, str]:
    """Make an address for somebody's lessons; the feed, and the secret, which is told this once."""
    target, missing = _target(session, whose, subject_id)
    require(principal, Action.FEED_ADD, target, missing)
    if queries.count_of(session, principal.person_id) >= MOST_FEEDS:
        raise Conflict(
            "feed.too_many",
            "Too many calendar feeds",
            f"You have {MOST_FEEDS}; revoke those you no longer need.",
        )
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    feed = CalendarFeed(
        county_id=principal.county_id,
        whose=whose,
        subject_id=subject_id,
        language=language,
        secret_hash=_hash(secret),
        owner_id=principal.person_id,
        created_at=now.replace(microsecond=0),
    )
    session.add(feed)
    session.flush()
    facts = {"whose": whose, "subject_id": subject_id}
    subject = Subject("calendar_feed", feed.id)
    audit.note(session, Act.FEED_ADDED, feed.county_id, principal.person_id, subject, after=facts)
    return feed, secret


def list_feeds(
    session: Session, principal: Principal, own: bool, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[Sequence[CalendarFeed], bool]:
    """One's own feeds that still work, a bureau admin's view of all unless `own`; and whether there are more."""
    everybody = not own and allows(principal, Action.FEED_SHOW, Target(principal.county_id))
    owner = None if everybody else principal.person_id
    found = queries.feeds_of(session, principal.county_id, owner, after, limit + 1)
    return found[:limit], len(found) > limit


def revoke_feed(session: Session, principal: Principal, feed_id: UUID, now: datetime) -> None:
    """Let an address lead nowhere from now on; doing it again changes nothing."""
    missing = NotFound("feed.not_found", "No such calendar feed", f"There is no calendar feed {feed_id}.")
    feed = queries.feed(session, feed_id)
    if feed is None:
        raise missing
    require(principal, Action.FEED_REVOKE, Target(feed.county_id, person_id=feed.owner_id), missing)
    if feed.revoked_at is None:
        feed.revoked_at = now
        subject = Subject("calendar_feed", feed.id)
        audit.note(session, Act.FEED_REVOKED, feed.county_id, principal.person_id, subject)


def read_feed(session: Session, secret: str, now: datetime) -> Contents:
    """What a calendar program is shown; raises `NotFound` for an unknown or revoked address.

    An address ends with the right to it: whoever made it must still be allowed to.
    """
    missing = NotFound(
        "feed.not_found",
        "No such calendar",
        "The address is not one of ours, or it was revoked: make another one.",
    )
    feed = queries.feed_by_secret(session, _hash(secret)) if len(secret) <= _LONGEST_SECRET else None
    if feed is None or not _still_allowed(session, feed, now):
        raise missing
    starts_from, starts_before = rules.span(now, feed.whose)
    found = diary(
        session, feed.county_id, feed.whose, feed.subject_id, starts_from, starts_before, rules.MOST + 1
    )
    zone = schools.time_zone_of(session, schools.get_org_unit(session, feed.county_id))
    entries, ends_before = rules.bounded(found, zone)
    taught = subjects.names(session, feed.county_id, chinese=feed.language is Language.CHINESE)
    (name,) = names(session, [feed])
    return Contents(feed, name, entries, taught, zone, ends_before)


def names(session: Session, feeds: Sequence[CalendarFeed]) -> list[str]:
    """What the calendars are called, in a few queries however many they are."""
    subjects_of = {whose: {each.subject_id for each in feeds if each.whose is whose} for whose in Whose}
    units = schools.org_units(session, subjects_of[Whose.SITE] | subjects_of[Whose.COUNTY])
    called = {
        **accounts.names(session, subjects_of[Whose.PERSON]),
        **room_names(session, subjects_of[Whose.ROOM]),
        **{unit_id: unit.name for unit_id, unit in units.items()},
    }
    return [called.get(each.subject_id, "") for each in feeds]


def _still_allowed(session: Session, feed: CalendarFeed, now: datetime) -> bool:
    try:
        owner = accounts.principal_of(session, feed.owner_id, now)
    except Unauthenticated:  # the account was closed
        return False
    target, _ = _target(session, feed.whose, feed.subject_id)
    return allows(owner, Action.FEED_ADD, target)


def _target(session: Session, whose: Whose, subject_id: UUID) -> tuple[Target, NotFound]:
    """What the feed is about, as the table of permissions sees it, and the refusal of what is not there."""
    match whose:
        case Whose.PERSON:
            missing = NotFound("person.not_found", "No such person", f"There is no person {subject_id}.")
            person = accounts.find_person(session, subject_id)
            if person is None:
                raise missing
            return accounts.target_of(session, person), missing
        case Whose.ROOM:
            missing = NotFound("room.not_found", "No such room", f"There is no room {subject_id}.")
            room = schools.rooms(session, [subject_id]).get(subject_id)
            if room is None:
                raise missing
            return schools.target_of(schools.get_org_unit(session, room.org_unit_id)), missing
        case Whose.SITE | Whose.COUNTY:
            text = f"There is no org unit {subject_id}."
            missing = NotFound("org_unit.not_found", "No such org unit", text)
            unit = schools.org_units(session, [subject_id]).get(subject_id)
            if unit is None or (whose is Whose.COUNTY) != (unit.parent_id is None):
                raise missing
            return schools.target_of(unit), missing


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
