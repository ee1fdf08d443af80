"""Roles after admission: who may give and end them, from when to when, and what stays impossible."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.accounts.service import county_today
from app.audit.models import AuditEvent
from app.keys import Keys
from app.schools.models import OrgUnit
from tests import factories


@dataclass
class Scene:
    """Two schools, the admin of one of them, and a teacher there."""

    client: TestClient
    county: OrgUnit
    school: OrgUnit
    other: OrgUnit
    bureau: Person
    head: Person
    teacher: Person
    keys: Keys
    today: date

    def post(self, by: Person, path: str, body: Any = None) -> tuple[int, Any]:
        header = factories.bearer(self.keys, by)
        answer = self.client.post(f"/api/v1/{path}", headers=header, json=body)
        return answer.status_code, answer.json()

    def give(self, by: Person, to: Person, role: str, unit: OrgUnit, **days: Any) -> tuple[int, Any]:
        body = {"role": role, "org_unit_id": str(unit.id), **days}
        return self.post(by, f"people/{to.id}/assignments", body)

    def reads_audit(self, who: Person) -> int:
        header = factories.bearer(self.keys, who)
        return self.client.get("/api/v1/audit-events", headers=header).status_code


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = factories.county(session)
    school, other = factories.school(session, county), factories.school(session, county)
    bureau = factories.person(session, county, Role.BUREAU_ADMIN)
    head = factories.person(session, school, Role.SCHOOL_ADMIN)
    teacher = factories.person(session, school, Role.TEACHER)
    session.commit()
    today = county_today(session, county.id, datetime.now(UTC))
    session.commit()
    return Scene(client, county, school, other, bureau, head, teacher, keys, today)


def test_a_role_holds_from_the_day_it_is_given_until_it_is_ended(scene: Scene, session: Session) -> None:
    assert scene.reads_audit(scene.teacher) == 403
    status, given = scene.give(scene.bureau, scene.teacher, "bureau_admin", scene.county)
    assert (status, given["valid_to"]) == (201, None)
    assert scene.reads_audit(scene.teacher) == 200
    tomorrow = (scene.today + timedelta(days=1)).isoformat()
    status, ended = scene.post(scene.bureau, f"assignments/{given['id']}/end", {"last_day": tomorrow})
    assert (status, ended["valid_to"]) == (200, tomorrow)
    assert scene.reads_audit(scene.teacher) == 200
    assert scene.post(scene.bureau, f"assignments/{given['id']}/end")[0] == 200
    assert scene.reads_audit(scene.teacher) == 403
    acts = session.scalars(select(AuditEvent.act).order_by(AuditEvent.number)).all()
    assert acts == ["assignment.given", "assignment.ended", "assignment.ended"]


def test_one_that_began_earlier_keeps_its_past(scene: Scene) -> None:
    (old,) = scene.teacher.assignments
    status, ended = scene.post(scene.head, f"assignments/{old.id}/end")
    assert (status, ended["valid_to"]) == (200, (scene.today - timedelta(days=1)).isoformat())
    assert scene.post(scene.bureau, f"assignments/{old.id}/end")[1]["code"] == "assignment.over"


def test_an_admin_gives_and_ends_roles_of_the_own_office_only(scene: Scene, session: Session) -> None:
    assert scene.give(scene.head, scene.teacher, "site_assistant", scene.school)[0] == 201
    assert scene.give(scene.head, scene.teacher, "school_admin", scene.school)[0] == 403
    assert (
        scene.give(scene.head, scene.teacher, "teacher", scene.other)[1]["code"] == "person.may_not_appoint"
    )
    stranger = factories.person(session, scene.other, Role.TEACHER)
    session.commit()
    assert scene.give(scene.head, stranger, "teacher", scene.school)[0] == 404
    assert scene.post(scene.head, f"assignments/{stranger.assignments[0].id}/end")[0] == 404
    assert scene.give(scene.teacher, stranger, "teacher", scene.school)[0] == 403


@pytest.mark.parametrize(
    ("role", "unit", "days", "code"),
    [
        ("teacher", "school", {}, "assignment.there"),
        ("teacher", "county", {}, "person.role_does_not_fit"),
        ("teacher", "other", {"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "request.invalid"),
        ("teacher", "other", {"person_id": "x"}, "request.invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(
    scene: Scene, role: str, unit: str, days: dict[str, str], code: str
) -> None:
    assert scene.give(scene.bureau, scene.teacher, role, getattr(scene, unit), **days)[1]["code"] == code


def test_no_past_is_made_and_no_admin_is_the_last_one_to_go(scene: Scene, session: Session) -> None:
    second = factories.person(session, scene.county, Role.BUREAU_ADMIN)
    session.commit()
    (own,) = scene.bureau.assignments
    long_ago = {"last_day": "2021-01-01"}
    assert scene.post(second, f"assignments/{own.id}/end", long_ago)[1]["code"] == "assignment.past"
    assert scene.post(scene.bureau, f"assignments/{own.id}/end")[1]["code"] == "person.oneself"
    session.delete(second)
    temporary = factories.person(session, scene.county, Role.BUREAU_ADMIN, valid_to=date(2199, 1, 1))
    session.commit()
    assert scene.post(temporary, f"assignments/{own.id}/end")[1]["code"] == "person.last_admin"
