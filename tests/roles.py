"""Everybody who might ask: every role, where it counts and where it does not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import GuestLink, Person, RoomTerminal
from app.accounts.permissions import OF_ONESELF, PASSES, SEEN_BY, TABLE, Action, Scope
from app.accounts.rules import GuestRole, Pass, Role
from app.accounts.service import issue_person_token
from app.accounts.tokens import TokenKind, sign
from app.keys import Keys
from app.lessons.models import Lesson
from tests import counties, factories
from tests.counties import County


class Place(StrEnum):
    """Where somebody holds a role, seen from a lesson and the school that gives it."""

    THERE = "there"
    ELSEWHERE = "elsewhere in the county"
    ABROAD = "in another county"
    FORMERLY = "there, but no longer"


@dataclass(frozen=True)
class Who:
    """Somebody who asks."""

    person: Person | RoomTerminal | GuestLink
    role: Role | Pass | None
    place: Place

    def __str__(self) -> str:
        return f"{self.role or 'nobody'} {self.place}"

    def token(self, keys: Keys) -> str:
        """A bearer token of theirs."""
        if isinstance(self.person, Person):
            return issue_person_token(keys, self.person, 10)
        kind = TokenKind.TERMINAL if isinstance(self.person, RoomTerminal) else TokenKind.GUEST
        now = datetime.now(UTC)
        claims = {"sub": str(self.person.id)}
        return sign(keys, kind, claims, now=now, until=now + timedelta(minutes=10))

    def headers(self, keys: Keys) -> dict[str, str]:
        """What signs a request of theirs."""
        return {"Authorization": f"Bearer {self.token(keys)}"}

    def reaches(self, action: Action) -> bool:
        """Whether the table lets them do it to what is there."""
        scope = self.scope(action)
        return self.place is Place.THERE and scope is not None or self._in_county(scope)

    def has(self, action: Action) -> bool:
        """Whether the table lets them do it somewhere."""
        own = action in OF_ONESELF and not isinstance(self.role, Pass)
        return own or self.scope(action) is not None

    def refusal(self, action: Action) -> int:
        """The status when they may not do it to what is there."""
        if not self.has(action):
            return 403
        return 403 if action in SEEN_BY and self.reaches(SEEN_BY[action]) else 404

    def scope(self, action: Action) -> Scope | None:
        """How far the table lets them do it, if at all."""
        if self.role is None or self.place is Place.FORMERLY:
            return None
        if isinstance(self.role, Pass):
            return PASSES.get(action, {}).get(self.role)
        return TABLE.get(action, {}).get(self.role)

    def _in_county(self, scope: Scope | None) -> bool:
        return scope is Scope.COUNTY and self.place is not Place.ABROAD


def everybody(session: Session, county: County) -> list[Who]:
    """All roles in all places, around the county's lesson."""
    other_school = factories.school(session, county.county)
    abroad = counties.county(session, sites=1)
    site = county.sites[0]
    there = {
        Role.BUREAU_ADMIN: county.bureau,
        Role.SCHOOL_ADMIN: factories.person(session, county.school, Role.SCHOOL_ADMIN),
        Role.TEACHER: county.teacher,
        Role.SITE_ASSISTANT: site.assistant,
    }
    units = {
        Role.BUREAU_ADMIN: county.county,
        Role.SCHOOL_ADMIN: county.school,
        Role.TEACHER: county.school,
        Role.SITE_ASSISTANT: site.unit,
    }
    found = [Who(person, role, Place.THERE) for role, person in there.items()]
    for role in (Role.SCHOOL_ADMIN, Role.TEACHER, Role.SITE_ASSISTANT):
        found.append(Who(factories.person(session, other_school, role), role, Place.ELSEWHERE))
    # A colleague at the very school is elsewhere, too: the lesson is not theirs.
    found.append(Who(factories.person(session, county.school, Role.TEACHER), Role.TEACHER, Place.ELSEWHERE))
    strangers = {
        Role.BUREAU_ADMIN: abroad.bureau,
        Role.SCHOOL_ADMIN: factories.person(session, abroad.school, Role.SCHOOL_ADMIN),
        Role.TEACHER: abroad.teacher,
        Role.SITE_ASSISTANT: abroad.sites[0].assistant,
    }
    found += [Who(person, role, Place.ABROAD) for role, person in strangers.items()]
    for role, unit in units.items():
        former = factories.person(session, unit, role, valid_to=factories.LONG_AGO)
        found.append(Who(former, role, Place.FORMERLY))
    found.append(Who(factories.person(session, county.school, None), None, Place.THERE))
    return (
        found
        + _without_account(session, county, Place.THERE)
        + _without_account(session, abroad, Place.ABROAD)
    )


def _without_account(session: Session, county: County, place: Place) -> list[Who]:
    """The terminal of the first site's room, and guests of the county's lesson: of the first, which others use too."""
    lesson_id = (
        session.scalars(
            select(Lesson.id).where(Lesson.county_id == county.county.id).order_by(Lesson.starts_at).limit(1)
        ).first()
        or session.scalars(
            select(Lesson.id).where(Lesson.entry_id == county.schedule(session).entry.id)
        ).first()
    )
    terminal = factories.terminal(session, county.sites[0].room, county.county.id)
    assert lesson_id is not None
    guests = {
        Pass.GUEST_TEACHER: factories.guest_link(session, county.county.id, lesson_id, GuestRole.TEACHER),
        Pass.GUEST_OBSERVER: factories.guest_link(session, county.county.id, lesson_id, GuestRole.OBSERVER),
    }
    return [Who(terminal, Pass.TERMINAL, place), *(Who(link, held, place) for held, link in guests.items())]
