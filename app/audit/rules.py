"""What is recorded, how it is sealed, and how a broken chain shows: pure rules."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

SERVER_CHAIN: Final = uuid.UUID(int=0)
"""The chain of events that belong to no county, such as a sign-in under a login that nobody has."""
GENESIS: Final = "0" * 64
"""What the first event of a chain is sealed to."""


class Act(StrEnum):
    """What somebody did."""

    SIGN_IN_ACCEPTED = "sign_in.accepted"
    SIGN_IN_REFUSED = "sign_in.refused"
    LOCKOUT_BEGAN = "lockout.began"
    ACCESS_REFUSED = "access.refused"
    ACCOUNT_UNLOCKED = "account.unlocked"
    SIGNED_OUT = "sign_in.ended"
    TOKEN_REPLAYED = "token.replayed"
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    SECOND_FACTOR_RESET = "second_factor.reset"
    ACCESS_TOKEN_MINTED = "access_token.minted"
    ACCESS_TOKEN_REVOKED = "access_token.revoked"
    IDENTITY_CONNECTED = "identity.connected"
    IDENTITY_DISCONNECTED = "identity.disconnected"
    KEYS_ROTATED = "keys.rotated"
    SERVER_BACKED_UP = "server.backed_up"
    SERVER_RESTORED = "server.restored"
    ADMIN_APPOINTED = "admin.appointed"
    COUNTY_FOUNDED = "county.founded"
    ORG_UNIT_ADDED = "org_unit.added"
    ORG_UNIT_CHANGED = "org_unit.changed"
    ROOM_ADDED = "room.added"
    ROOM_CHANGED = "room.changed"
    PERSON_ADMITTED = "person.admitted"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_RESET = "password.reset"
    PASSWORD_RESET_ASKED = "password.reset_asked"
    MAIL_ADDRESS_CHANGED = "mail_address.changed"
    ACCOUNT_CLOSED = "account.closed"
    ACCOUNT_OPENED = "account.opened"
    PERSON_EXPORTED = "person.exported"
    PERSON_ERASED = "person.erased"
    ASSIGNMENT_GIVEN = "assignment.given"
    ASSIGNMENT_ENDED = "assignment.ended"
    PUPIL_NAMED = "pupil.named"
    PUPIL_CONSENT_RENEWED = "pupil.consent_renewed"
    PUPIL_ERASED = "pupil.erased"
    PUPIL_GROUP_ADDED = "pupil_group.added"
    PUPIL_GROUP_CHANGED = "pupil_group.changed"
    PUPIL_GROUP_CLOSED = "pupil_group.closed"
    PUPIL_GROUP_REOPENED = "pupil_group.reopened"
    SUBJECT_ADDED = "subject.added"
    SUBJECT_CHANGED = "subject.changed"
    SUBJECT_REMOVED = "subject.removed"
    HEADCOUNTS_SET = "headcounts.set"
    CURRICULUM_SET = "curriculum.set"
    PAIRING_MADE = "pairing.made"
    PAIRING_PROPOSED = "pairing.proposed"
    PAIRING_ACCEPTED = "pairing.accepted"
    PAIRING_DECLINED = "pairing.declined"
    PAIRING_APPROVED = "pairing.approved"
    PAIRING_SUSPENDED = "pairing.suspended"
    PAIRING_RESUMED = "pairing.resumed"
    PAIRING_ENDED = "pairing.ended"
    PAIRING_RENEWED = "pairing.renewed"
    TERM_OPENED = "term.opened"
    TERM_CHANGED = "term.changed"
    TERM_REMOVED = "term.removed"
    CALENDAR_MARKED = "calendar.marked"
    CALENDAR_UNMARKED = "calendar.unmarked"
    BELLS_PUT_IN_FORCE = "bells.put_in_force"
    BELLS_CHANGED = "bells.changed"
    ROOM_CLOSED = "room.closed"
    ROOM_REOPENED = "room.reopened"
    ORG_UNIT_CLOSED = "org_unit.closed"
    ORG_UNIT_REOPENED = "org_unit.reopened"
    BELLS_REMOVED = "bells.removed"
    ENTRY_PLANNED = "entry.planned"
    TERMINAL_PAIRED = "terminal.paired"
    TERMINAL_REMOVED = "terminal.removed"
    GUEST_INVITED = "guest.invited"
    GUEST_ADMITTED = "guest.admitted"
    GUEST_LINK_REVOKED = "guest.link_revoked"
    LESSON_ENDED = "lesson.ended"
    LESSON_VISITED = "lesson.visited"
    LESSON_CANCELLED = "lesson.cancelled"
    RELAY_DRAINED = "relay.drained"
    RELAY_UNDRAINED = "relay.undrained"
    ENTRY_CHANGED = "entry.changed"
    ENTRY_WITHDRAWN = "entry.withdrawn"
    TIMETABLE_PUBLISHED = "timetable.published"
    LESSON_MOVED = "lesson.moved"
    LESSON_CHANGED = "lesson.changed"
    LESSON_MADE_UP = "lesson.made_up"
    FEED_ADDED = "calendar_feed.added"
    FEED_REVOKED = "calendar_feed.revoked"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_REMOVED = "webhook.removed"
    DELIVERY_SENT_AGAIN = "webhook.delivery_sent_again"
    LETTERS_SENT_AGAIN = "letter.sent_again"
    TABLE_IMPORTED = "table.imported"
    TABLE_EXPORTED = "table.exported"
    REPORT_EXPORTED = "report.exported"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_CUT = "audit.cut"


Facts = Mapping[str, Any]
"""What a thing is like: ids, words, numbers and days; no names, no passwords."""


@dataclass(frozen=True, slots=True)
class Event:
    """One act, before it has a place in a chain."""

    act: Act
    county_id: uuid.UUID
    person_id: uuid.UUID | None = None
    """Who did it; None: nobody who is signed in."""
    address: str | None = None
    """Where from, as the network told; None: on the server itself."""
    org_unit_id: uuid.UUID | None = None
    """Where it took effect."""
    subject_kind: str | None = None
    subject_id: uuid.UUID | None = None
    """What it was done to."""
    before: str | None = None
    after: str | None = None
    """What that was like, as `written` facts."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event in its chain."""

    event: Event
    number: int
    at: datetime
    previous: str
    """The hash of the event before it."""
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with a chain."""

    number: int
    words: str


def written(facts: Facts | None) -> str | None:
    """Facts as the text that is stored and sealed: the same facts always give the same text."""
    if facts is None:
        return None
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_word)


def seal(event: Event, head: Head, at: datetime) -> Sealed:
    """Put an event at the end of a chain."""
    number = head.number + 1
    return Sealed(event, number, at, head.hash, _hash(event, number, at, head.hash))


def faults(events: Iterable[Sealed], head: Head, start: Head | None = None) -> Iterator[Fault]:
    """What is wrong with a whole chain, given in the order of its numbers; nothing when it is as it was written.

    `start` is where it was cut, if it was; `head` is where the chain says it ends. After a fault the check goes on
    from the event as it is, so that each fault is named once.
    """
    last = start or Head()
    for each in events:
        if each.number > last.number + 1:
            yield _missing(last.number + 1, each.number - 1)
        elif each.previous != last.hash:
            yield Fault(
                each.number,
                f"event {each.number} was not sealed to the event before it: one of the two was put in later",
            )
        if each.hash != _hash(each.event, each.number, each.at, each.previous):
            yield Fault(each.number, f"event {each.number} was changed")
        if each.number > head.number:
            yield Fault(each.number, f"event {each.number} was put in: the chain ended at {head.number}")
        last = Head(each.number, each.hash)
    if last.number < head.number:
        yield _missing(last.number + 1, head.number)
    elif last.number == head.number and last.hash != head.hash:
        yield Fault(last.number, f"event {last.number} is not the one the chain ended with")


def _missing(first: int, last: int) -> Fault:
    words = f"event {first} is missing" if first == last else f"events {first} to {last} are missing"
    return Fault(first, words)


def _hash(event: Event, number: int, at: datetime, previous: str) -> str:
    sealed = [
        previous,
        number,
        at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.act,
        *(_text(each) for each in (event.county_id, event.person_id, event.org_unit_id, event.subject_id)),
        event.address,
        event.subject_kind,
        event.before,
        event.after,
    ]
    return hashlib.sha256(json.dumps(sealed, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _text(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)


def _word(value: object) -> str:
    """Ids, days and times as text; everything else JSON can say by itself."""
    return str(value)
