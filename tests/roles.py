"""Everybody who might ask: every role, where it counts and where it does not."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.accounts.permissions import OF_ONESELF, SEEN_BY, TABLE, Action, Scope
from app.accounts.rules import Role
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

    person: Person
    role: Role | None
    place: Place

    def __str__(self) -> str:
        return f"{self.role or 'nobody'} {self.place}"

    def reaches(self, action: Action) -> bool:
        """Whether the table lets them do it to what is there."""
        scope = self._scope(action)
        return self.place is Place.THERE and scope is not None or self._in_county(scope)

    def has(self, action: Action) -> bool:
        """Whether the table lets them do it somewhere."""
        return action in OF_ONESELF or self._scope(action) is not None

    def refusal(self, action: Action) -> int:
        """The status when they may not do it to what is there."""
        if not self.has(action):
            return 403
        return 403 if action in SEEN_BY and self.reaches(SEEN_BY[action]) else 404

    def _scope(self, action: Action) -> Scope | None:
        if self.role is None or self.place is Place.FORMERLY:
            return None
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
    return found
