"""Bodies of the requests and answers about named pupils."""

import uuid
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.pupils.models import Pupil
from app.pupils.rules import ConsentForm, EndReason, Purpose
from app.schemas import Day, Input, Name, Output, example, line

_SCHOOL = "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"
_CONSENT = {
    "guardian": "王建国",
    "form": "paper",
    "reference": "2026-09/114",
    "purposes": ["class_list"],
    "given_on": "2026-09-01",
    "expires_on": "2027-07-15",
}


class NewConsent(Input):
    """What a guardian agreed to."""

    guardian: Name = Field(description="Who agreed; erased when the consent ends")
    form: ConsentForm
    reference: Annotated[str, line(100)] | None = Field(
        None, description="Where the signed form is kept; no name"
    )
    purposes: Annotated[frozenset[Purpose], Field(min_length=1, description="What exactly was agreed to")]
    given_on: Day
    expires_on: Day = Field(description="Its last day, at most three years later")

    model_config = example(_CONSENT)

    @model_validator(mode="after")
    def _days_in_order(self) -> "NewConsent":
        if self.expires_on < self.given_on:
            raise PydanticCustomError("days_in_order", "expires_on must not be before given_on")
        return self


class NewPupil(Input):
    """A pupil to be known by name: nothing more is kept."""

    org_unit_id: uuid.UUID = Field(description="The school or teaching site")
    name: Annotated[str, line(100)] = Field(description="As shown; the given name alone will often do")
    grade: int = Field(ge=1, le=12)
    consent: NewConsent

    model_config = example({"org_unit_id": _SCHOOL, "name": "小明", "grade": 3, "consent": _CONSENT})


class EndIn(Input):
    """Why a pupil is erased."""

    reason: Literal[EndReason.WITHDRAWN, EndReason.REQUESTED, EndReason.LEFT]

    model_config = example({"reason": "withdrawn"})


class ConsentOut(Output):
    """A consent in force."""

    guardian: str | None
    form: ConsentForm
    reference: str | None
    purposes: list[Purpose]
    given_on: date
    expires_on: date

    model_config = example(_CONSENT)


class PupilOut(Output):
    """A pupil known by name."""

    id: uuid.UUID
    org_unit_id: uuid.UUID
    name: str
    grade: int
    consent: ConsentOut

    model_config = example(
        {
            "id": "9a1be2e5-52b2-4c8e-9d2b-8d6f1c1f2b10",
            "org_unit_id": _SCHOOL,
            "name": "小明",
            "grade": 3,
            "consent": _CONSENT,
        }
    )

    @classmethod
    def of(cls, pupil: Pupil) -> "PupilOut":
        consent = pupil.consent
        shown = ConsentOut(
            guardian=consent.guardian,
            form=consent.form,
            reference=consent.reference,
            purposes=[each.purpose for each in consent.purposes],
            given_on=consent.given_on,
            expires_on=consent.expires_on,
        )
        return cls(
            id=pupil.id, org_unit_id=pupil.org_unit_id, name=pupil.name, grade=pupil.grade, consent=shown
        )
