"""What guardians agree to in tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.pupils.models import ConsentPurpose, GuardianConsent, Pupil
from app.pupils.rules import ConsentForm, Purpose
from app.schools.models import OrgUnit


def consent(**changes: Any) -> dict[str, Any]:
    """A consent in force, as the body of a request."""
    today = datetime.now(UTC).date()
    given = {
        "guardian": "王建国",
        "form": "paper",
        "reference": "114",
        "purposes": ["class_list"],
        "given_on": (today - timedelta(days=30)).isoformat(),
        "expires_on": (today + timedelta(days=200)).isoformat(),
    }
    return given | changes


def pupil(session: Session, unit: OrgUnit, recorded_by: Person, *, days: int = 200, **changes: Any) -> Pupil:
    """A pupil of a unit, named 小明 under a consent that has so many days left, or had them."""
    today = datetime.now(UTC).date()
    consent = GuardianConsent(
        county_id=unit.county_id,
        guardian="王建国",
        form=ConsentForm.PAPER,
        given_on=today - timedelta(days=300),
        expires_on=today + timedelta(days=days),
        recorded_by=recorded_by.id,
        recorded_at=datetime.now(UTC),
        purposes=[ConsentPurpose(purpose=Purpose.CLASS_LIST)],
    )
    session.add(consent)
    session.flush()
    named = {"org_unit_id": unit.id, "name": "小明", "grade": 3} | changes
    made = Pupil(county_id=unit.county_id, consent=consent, **named)
    session.add(made)
    session.flush()
    return made
