"""Roles, where they are held, and who somebody is on a day: pure rules."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a login looks like: ASCII only, so that none looks like another one."""


class Role(StrEnum):
    """What a person does in the county."""

    BUREAU_ADMIN = "bureau_admin"
    SCHOOL_ADMIN = "school_admin"
    TEACHER = "teacher"
    SITE_ASSISTANT = "site_assistant"


class Source(StrEnum):
    """Where a role comes from."""

    LOCAL = "local"  # somebody here gave it
    PROVIDER = "provider"  # the identity provider's claims gave it, and take it


class MailPurpose(StrEnum):
    """What a mailed link is for."""

    PASSWORD = "password"
    CONFIRM = "confirm"  # the mail address
    TAKE_BACK = "take_back"  # the mail address from before an admin entered another one


WAITING = (MailPurpose.PASSWORD, MailPurpose.CONFIRM)
"""What somebody asked for, and which another password or address voids."""


ADMINS = frozenset({Role.BUREAU_ADMIN, Role.SCHOOL_ADMIN})

# The kinds of org unit a role makes sense on, in the words of the schools domain.
PLACES: dict[Role, frozenset[str]] = {
    Role.BUREAU_ADMIN: frozenset({"county"}),
    Role.SCHOOL_ADMIN: frozenset({"school"}),
    Role.TEACHER: frozenset({"school", "teaching_site"}),
    Role.SITE_ASSISTANT: frozenset({"school", "teaching_site"}),
}


@dataclass(frozen=True)
class Duty:
    """A role on an org unit, on the days from `valid_from` to `valid_to`, both included."""

    role: Role
    org_unit_id: uuid.UUID
    valid_from: date = date.min
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the duty is in force on this day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def mail_opens(proven: bool, duties: Iterable[Duty], today: date) -> bool:
    """Whether a letter to somebody's mail address may let them in.

    One that an admin entered may be misspelt, or another's. The same admin could give them a password; but for those
    who look after others, or will, it has to be proven by themselves.
    """
    return proven or not any(
        duty.role in ADMINS and (duty.valid_to is None or today <= duty.valid_to) for duty in duties
    )


class HolderKind(StrEnum):
    """Whose rights are in question."""

    PERSON = "person"
    TERMINAL = "terminal"  # a room's big screen
    GUEST = "guest"  # whoever has a guest link


class Pass(StrEnum):
    """What somebody without an account is in lessons."""

    TERMINAL = "room_terminal"
    GUEST_TEACHER = "guest_teacher"
    GUEST_OBSERVER = "guest_observer"


class GuestRole(StrEnum):
    """What a guest link lets its bearer be in its lesson."""

    TEACHER = "teacher"
    OBSERVER = "observer"


class Holder(NamedTuple):
    """Somebody or something that has rights, by kind and id."""

    kind: HolderKind
    id: uuid.UUID


class BasisKind(StrEnum):
    """What somebody was let in by, and that may be ended by itself."""

    ACCESS_TOKEN = "access_token"
    FAMILY = "family"  # a program's sign-in that is refreshed
    BROWSER = "browser"  # a page's sign-in


class Basis(NamedTuple):
    """What somebody's page or program was let in by, by kind and id: what it opened ends with it."""

    kind: BasisKind
    id: uuid.UUID


class Used(NamedTuple):
    """An access token or a page's sign-in that was shown: its id, when its use was noted last, and its end."""

    id: uuid.UUID
    last_noted: datetime | None
    expires_at: datetime


@dataclass(frozen=True)
class Principal:
    """Who asks, as of one day: `today` is the day in the person's county."""

    person_id: uuid.UUID
    name: str
    county_id: uuid.UUID
    assignments: tuple[Duty, ...]
    today: date
    login: str = ""
    """What they sign in by; those without an account have none."""
    must_change_password: bool = False
    """Until they have, they may do nothing else."""
    must_add_factor: bool = False
    """Until they have a second factor, they may do nothing else."""
    actions: frozenset[str] | None = None
    """What the token they show is good for; None: for everything they may do."""
    second_factor: bool = False
    """Whether the identity provider said at the sign-in that it asked for a second factor."""
    access_token: Used | None = None
    """The access token they show; None: they signed in."""
    family_id: uuid.UUID | None = None
    """The sign-in of a program whose bearer token they show."""
    browser: Used | None = None
    """The sign-in of a page."""
    void_before: datetime | None = None
    """What was given to them before then is void: the password was changed since."""
    held: Pass | None = None
    """Not a person but a room's terminal or a guest, by the id of that; it has no roles, and no account."""
    room_id: uuid.UUID | None = None
    """The terminal's."""
    lesson_id: uuid.UUID | None = None
    """The guest's."""

    @property
    def basis(self) -> Basis | None:
        """What a page or program was let in by; None for screens and guests."""
        if self.access_token is not None:
            return Basis(BasisKind.ACCESS_TOKEN, self.access_token.id)
        if self.browser is not None:
            return Basis(BasisKind.BROWSER, self.browser.id)
        return Basis(BasisKind.FAMILY, self.family_id) if self.family_id is not None else None

    @property
    def holder(self) -> Holder:
        """Whose rights these are."""
        if self.held is None:
            return Holder(HolderKind.PERSON, self.person_id)
        kind = HolderKind.TERMINAL if self.held is Pass.TERMINAL else HolderKind.GUEST
        return Holder(kind, self.person_id)
