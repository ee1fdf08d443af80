"""Named pupils: only under a consent in force, only for what was agreed to, and gone when it is over."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory
from app.housekeeping import chores_of
from app.keys import Keys
from app.pupils.models import GuardianConsent, Pupil
from app.schools.models import OrgUnit
from app.settings import Settings
from tests import consents, factories
from tests.consents import consent


@dataclass
class Scene:
    """A school with its admin."""

    client: TestClient
    school: OrgUnit
    head: dict[str, str]
    bureau: dict[str, str]

    def name(self, **changes: Any) -> tuple[int, Any]:
        body = {"org_unit_id": str(self.school.id), "name": "小明", "grade": 3, "consent": consent()}
        answer = self.client.post("/api/v1/pupils", headers=self.head, json=body | changes)
        return answer.status_code, answer.json()

    def names(self, purpose: str = "class_list", **query: Any) -> list[str]:
        asked = {"org_unit_id": str(self.school.id), "purpose": purpose} | query
        answer = self.client.get("/api/v1/pupils", headers=self.head, params=asked)
        return [item["name"] for item in answer.json()["items"]]

    def status_of(self, pupil_id: object) -> int:
        return self.client.get(f"/api/v1/pupils/{pupil_id}", headers=self.head).status_code


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = factories.county(session)
    school = factories.school(session, county)
    head = factories.person(session, school, Role.SCHOOL_ADMIN)
    bureau = factories.person(session, county, Role.BUREAU_ADMIN)
    session.commit()
    return Scene(client, school, factories.bearer(keys, head), factories.bearer(keys, bureau))


def test_a_pupil_is_shown_for_what_the_guardian_agreed_to_and_for_nothing_else(scene: Scene) -> None:
    assert scene.name()[0] == 201
    assert scene.name(name="小红", consent=consent(purposes=["recording", "class_list"]))[0] == 201
    assert scene.names() == ["小明", "小红"] or scene.names() == ["小红", "小明"]
    assert scene.names("recording") == ["小红"]
    assert scene.names("growth_record") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"expires_on": "2021-01-01", "given_on": "2020-01-01"}, "consent.not_in_force"),
        ({"given_on": "2199-01-01", "expires_on": "2199-02-01"}, "consent.not_in_force"),
        ({"expires_on": "2199-01-01"}, "consent.not_in_force"),
        ({"purposes": []}, "request.invalid"),
        ({"purposes": ["marketing"]}, "request.invalid"),
        ({"guardian": " "}, "request.invalid"),
        ({"in_force": True}, "request.invalid"),
    ],
)
def test_without_a_consent_in_force_nothing_named_is_stored(
    scene: Scene, session: Session, changes: dict[str, Any], code: str
) -> None:
    status, body = scene.name(consent=consent(**changes))
    assert (status, body["code"]) == (422, code)
    assert scene.name(consent=None)[1]["code"] == "request.invalid"
    assert session.scalars(select(Pupil)).all() == []
    assert session.scalars(select(GuardianConsent)).all() == []


def test_a_withdrawal_erases_every_name_at_once_and_keeps_the_proof_that_there_was_a_consent(
    scene: Scene, session: Session
) -> None:
    pupil_id = scene.name()[1]["id"]
    path = f"/api/v1/pupils/{pupil_id}/erase"
    assert scene.client.post(path, headers=scene.head, json={"reason": "withdrawn"}).status_code == 204
    assert scene.status_of(pupil_id) == 404
    assert scene.client.post(path, headers=scene.head, json={"reason": "withdrawn"}).status_code == 404
    (proof,) = session.scalars(select(GuardianConsent)).all()
    assert (proof.guardian, proof.reference, proof.end_reason) == (None, None, "withdrawn")
    events = session.scalars(select(AuditEvent).where(AuditEvent.act.startswith("pupil"))).all()
    assert [event.act for event in events] == ["pupil.named", "pupil.erased"]
    assert all(word not in f"{event.before}{event.after}" for event in events for word in ("小明", "王建国"))


def test_the_bureau_erases_whom_it_is_asked_to_without_seeing_names(scene: Scene) -> None:
    pupil_id = scene.name()[1]["id"]
    path = f"/api/v1/pupils/{pupil_id}"
    assert scene.client.get(path, headers=scene.bureau).status_code == 403
    answer = scene.client.post(f"{path}/erase", headers=scene.bureau, json={"reason": "requested"})
    assert answer.status_code == 204


def test_a_consent_that_ran_out_hides_the_pupil_at_once_and_the_chore_erases(
    scene: Scene, session: Session, session_factory: SessionFactory, settings: Settings
) -> None:
    pupil_id = scene.name(consent=consent())[1]["id"]
    (chore,) = (each for each in chores_of(settings) if each.name == "erase-pupils")
    now = datetime.now(UTC)
    assert chore.work(session_factory, now) == 0
    session.execute(text("UPDATE guardian_consents SET expires_on = given_on"))
    session.commit()
    assert scene.status_of(pupil_id) == 404
    assert scene.names() == []
    assert chore.work(session_factory, now) == 1
    assert session.scalars(select(Pupil)).all() == []


def test_another_consent_takes_the_place_of_the_old_one(scene: Scene, session: Session) -> None:
    pupil_id = scene.name()[1]["id"]
    renewed = consent(purposes=["growth_record"], guardian="李秀英")
    path = f"/api/v1/pupils/{pupil_id}/consent"
    answer = scene.client.post(path, headers=scene.head, json=renewed)
    assert (answer.status_code, answer.json()["consent"]["guardian"]) == (200, "李秀英")
    assert (scene.names(), scene.names("growth_record")) == ([], ["小明"])
    assert session.scalars(select(GuardianConsent.end_reason).where(GuardianConsent.guardian.is_(None))).all()


def test_pages_follow_each_other(scene: Scene) -> None:
    for number in range(3):
        scene.name(name=f"同名 {number // 2}")
    asked = {"org_unit_id": str(scene.school.id), "purpose": "class_list", "limit": "1"}
    seen, after = list[str](), dict[str, str]()
    while True:
        page = scene.client.get("/api/v1/pupils", headers=scene.head, params=asked | after).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(seen) == len(set(seen)) == 3


# --- what the database itself refuses ---


@pytest.mark.parametrize("days", [-10, -300])
def test_the_database_refuses_a_pupil_whose_consent_ran_out(session: Session, days: int) -> None:
    county = factories.county(session)
    head = factories.person(session, county, Role.BUREAU_ADMIN)
    with pytest.raises(DBAPIError, match="pupil_needs_consent"):
        consents.pupil(session, factories.school(session, county), head, days=days)


def test_the_database_refuses_a_pupil_without_purpose_and_a_withdrawal_that_leaves_the_name(
    session: Session,
) -> None:
    county = factories.county(session)
    head = factories.person(session, county, Role.BUREAU_ADMIN)
    school = factories.school(session, county)
    pupil = consents.pupil(session, school, head)
    session.commit()
    with pytest.raises(DBAPIError, match="pupil_outlives_consent"):
        session.execute(
            text("UPDATE guardian_consents SET ended_at = :now, guardian = NULL, end_reason = 'left'"),
            {"now": datetime.now(UTC) - timedelta(days=1)},
        )
    session.rollback()
    session.execute(text("DELETE FROM consent_purposes"))
    with pytest.raises(DBAPIError, match="pupil_needs_consent"):
        session.execute(text("UPDATE pupils SET grade = 4"))
    session.rollback()
    assert session.get_one(Pupil, pupil.id).grade == 3
