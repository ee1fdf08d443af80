"""Bodies of the requests and answers about people."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.accounts.rules import LOGIN, Role, Source
from app.mail import LONGEST_ADDRESS
from app.schemas import Day, Input, Name, Output, VersionedOutput, example
from app.settings import MAIL_ADDRESS

Login = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True, pattern=f"^{LOGIN.pattern}$")]
LOGIN_WORDS: Final = "up to 64 letters, digits, dots, dashes and underscores"
# How good it is, is judged later (`passwords.require_strong`); a bound keeps hashing cheap.
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024)]


def _is_an_address(value: str) -> str:
    if not MAIL_ADDRESS.fullmatch(value) or "." not in value.rpartition("@")[2]:
        raise PydanticCustomError("mail_address", "is not like wang@example.org")
    return value.lower()  # nobody tells two mailboxes apart by that, and people type it either way


MailAddress = Annotated[str, Field(max_length=LONGEST_ADDRESS), AfterValidator(_is_an_address)]

_SCHOOL = "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"
_COUNTY = "0b1de0c2-51a5-4d1c-8a55-6f0d1c2b3a44"
_WANG = "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22"
_TEACHER = {"role": "teacher", "org_unit_id": _SCHOOL, "valid_from": "2026-09-01", "valid_to": None}

_TEACHER_GIVEN = {"id": "1d6b7b0e-8a43-4f0c-9d35-2f7f6c1c0b66", **_TEACHER, "source": "local"}


class Credentials(Input):
    """A login and a password."""

    login: str = Field(max_length=200)
    password: Password
    code: str = Field(
        "", max_length=64, description="Of the second factor, once the answer is `sign_in.code_needed`"
    )

    model_config = example({"login": "wang", "password": "kota-ribu-semo-lagi"})

    @model_validator(mode="before")
    @classmethod
    def _without_nul(cls, data: Any) -> Any:
        """Nobody has a login with one: it is refused as any other that is wrong."""
        return data


class SignedIn(Output):
    """A page's sign-in."""

    sign_in: str = Field(description="Its name, to be sent as `X-Sign-In`; the cookie holds the secret")
    expires_at: datetime

    model_config = example({"sign_in": "3f0c9e1ab2d4", "expires_at": "2026-11-22T20:00:00Z"})


class PasswordChange(Input):
    """Another password for oneself."""

    old_password: Password
    new_password: Password

    model_config = example(
        {"old_password": "kota-ribu-semo-lagi-pane", "new_password": "four words in a row"}
    )


class TemporaryPassword(Output):
    """A password to be read out to its owner, who has to change it at the first sign-in."""

    password: str = Field(description="Shown this once")

    model_config = example({"password": "kota-ribu-semo-lagi-pane"})


class NewAssignment(Input):
    """A role to be given to a person."""

    role: Role
    org_unit_id: uuid.UUID = Field(description="The role holds there and everywhere below")
    valid_from: Day | None = Field(None, description="First day; today unless given")
    valid_to: Day | None = Field(None, description="Last day; null while it lasts")

    model_config = example(_TEACHER)

    @model_validator(mode="after")
    def _days_in_order(self) -> "NewAssignment":
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise PydanticCustomError("days_in_order", "valid_to must not be before valid_from")
        return self


class NewPerson(Input):
    """A person to be admitted."""

    login: Login = Field(description="Unique on this server; small letters, digits, dot, dash, underscore")
    name: Name
    password: Password = Field(description="10 to 128 characters that are not easy to guess")
    must_change_password: bool = Field(
        True, description="Whether they choose another one at the first sign-in; false for programs"
    )
    email: MailAddress | None = Field(None, description="For a forgotten password")
    assignments: list[NewAssignment] = Field(min_length=1, max_length=20)

    model_config = example(
        {
            "login": "wang",
            "name": "王老师 Wang",
            "email": "wang@example.org",
            "password": "a long password",
            "must_change_password": True,
            "assignments": [_TEACHER],
        }
    )


class AssignmentOut(Output):
    """A role of a person."""

    id: uuid.UUID
    role: Role
    org_unit_id: uuid.UUID
    valid_from: date
    valid_to: date | None
    source: Source = Field(description="Given here, or by claims of the identity provider, which end it too")

    model_config = example(_TEACHER_GIVEN)


class PersonOut(VersionedOutput):
    """A person, as administrators see them."""

    id: uuid.UUID
    login: str
    name: str
    county_id: uuid.UUID
    active: bool = Field(description="False once the account was closed")
    must_change_password: bool
    email: str | None
    email_proven: bool = Field(description="False for one that an administrator entered")
    created_at: datetime
    assignments: list[AssignmentOut]

    model_config = example(
        {
            "id": _WANG,
            "version": 1,
            "login": "wang",
            "name": "王老师 Wang",
            "county_id": _COUNTY,
            "active": True,
            "must_change_password": False,
            "email": "wang@example.org",
            "email_proven": True,
            "created_at": "2026-09-01T00:00:00Z",
            "assignments": [_TEACHER_GIVEN],
        }
    )


class RoleOut(Output):
    """A role that is in force today."""

    role: Role
    org_unit_id: uuid.UUID

    model_config = example({"role": "teacher", "org_unit_id": _SCHOOL})


class Me(Output):
    """The signed-in person."""

    id: uuid.UUID
    login: str
    name: str
    county_id: uuid.UUID
    must_change_password: bool = Field(description="Until they have, they may do nothing else")
    assignments: list[RoleOut] = Field(description="The roles in force today")

    model_config = example(
        {
            "id": _WANG,
            "login": "wang",
            "name": "王老师 Wang",
            "county_id": _COUNTY,
            "must_change_password": False,
            "assignments": [{"role": "teacher", "org_unit_id": _SCHOOL}],
        }
    )
