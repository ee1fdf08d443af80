"""A person's own data: everything as a file, and forgotten on request without breaking what refers to them."""

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Uuid, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

import app.main  # noqa: F401  (every table of the product)
from app.__main__ import main
from app.accounts.dossier import references
from app.accounts.models import Person
from app.accounts.rules import Role
from app.audit.service import verify
from app.database import Base, SessionFactory
from app.housekeeping import chores_of
from app.keys import Keys
from app.lessons.models import Lesson
from app.retention import rows
from app.settings import Settings
from tests import counties, factories

NAME, LOGIN = "Marked Name 王芳", "marked-login"


@dataclass
class Scene:
    """A teacher with lessons and a past in the trail."""

    client: TestClient
    county: counties.County
    bureau: dict[str, str]
    teacher: Person

    def erase(self, person: Person, login: str = LOGIN) -> tuple[int, Any]:
        path = f"/api/v1/people/{person.id}/erase"
        answer = self.client.post(path, headers=self.bureau, json={"login": login})
        return answer.status_code, answer.json() if answer.content else None


@pytest.fixture
def scene(client: TestClient, session: Session, keys: Keys) -> Scene:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    teacher = factories.person(session, county.school, Role.TEACHER, login=LOGIN, name=NAME)
    county.schedule(session, teacher_id=teacher.id, weekday=county.term.first_day.isoweekday())
    session.commit()
    bureau = factories.bearer(keys, county.bureau)
    for _ in range(2):
        factories.sign_in(client, teacher)
    client.post("/api/v1/token", data={"username": LOGIN, "password": "wrong"})
    client.post(f"/api/v1/people/{teacher.id}/reset-password", headers=bureau)
    return Scene(client, county, bureau, teacher)


def everything(session: Session) -> str:
    """Every value of every table."""
    rows = (str(row) for table in Base.metadata.sorted_tables for row in session.execute(select(table)))
    return "\n".join(rows)


def test_a_person_is_forgotten_everywhere_and_what_refers_to_them_stays(
    scene: Scene, session: Session
) -> None:
    assert LOGIN in everything(session)
    taught = select(Lesson.id).where(Lesson.teacher_id == scene.teacher.id)
    lessons = set(session.scalars(taught))
    session.commit()
    assert scene.erase(scene.teacher) == (204, None)
    session.expire_all()
    left = everything(session)
    assert LOGIN not in left
    assert "Marked Name" not in left
    assert "王芳" not in left
    assert set(session.scalars(taught)) == lessons != set()
    assert all(not report.faults for report in verify(session))
    assert scene.client.get("/api/v1/people", headers=scene.bureau).text.count("erased-") == 0


def test_it_cannot_be_undone(scene: Scene) -> None:
    scene.erase(scene.teacher)
    path = f"/api/v1/people/{scene.teacher.id}"
    for act in ("open", "close", "reset-password"):
        answer = scene.client.post(f"{path}/{act}", headers=scene.bureau)
        assert answer.json()["code"] == "person.erased", act
    duty = {"role": "teacher", "org_unit_id": str(scene.county.school.id)}
    given = scene.client.post(f"{path}/assignments", headers=scene.bureau, json=duty)
    assert given.json()["code"] == "person.erased"
    again = scene.client.get(path, headers=scene.bureau).json()["login"]
    assert scene.erase(scene.teacher, again)[1]["code"] == "person.erased"
    signed_in = scene.client.post("/api/v1/token", data={"username": again, "password": "erased"})
    assert signed_in.status_code == 401


def test_only_who_is_meant_and_never_the_last_one_who_looks_after_the_county(
    scene: Scene, session: Session, keys: Keys
) -> None:
    assert scene.erase(scene.teacher, "somebody-else")[1]["code"] == "person.not_confirmed"
    assert scene.erase(scene.county.bureau, scene.county.bureau.login)[1]["code"] == "person.oneself"
    temporary = factories.person(
        session, scene.county.county, Role.BUREAU_ADMIN, valid_to=counties.tomorrow()
    )
    session.commit()
    scene.bureau = factories.bearer(keys, temporary)
    assert scene.erase(scene.county.bureau, scene.county.bureau.login)[1]["code"] == "person.last_admin"


def test_everybody_may_take_away_what_is_kept_about_them_without_secrets(scene: Scene, keys: Keys) -> None:
    own = factories.bearer(keys, scene.county.teacher)
    path = f"/api/v1/people/{scene.teacher.id}/export"
    assert scene.client.get(path, headers=own).status_code == 404  # a colleague's
    answer = scene.client.get(path, headers=scene.bureau)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    assert files["person.json"][0]["login"] == LOGIN
    assert files["person.json"][0]["name"] == NAME
    assert {"assignments.json", "lessons.json", "timetable_entries.json"} <= files.keys()
    acts = [event["act"] for event in files["audit_events.json"]]
    assert acts == ["sign_in.accepted", "sign_in.accepted", "sign_in.refused", "password.reset"]
    assert all("/" not in name and ".." not in name for name in files)
    assert "argon2" not in answer.text
    assert not any("hash" in key for rows in files.values() for row in rows for key in row if key != "hash")
    mine = scene.client.get(f"/api/v1/people/{scene.county.teacher.id}/export", headers=own)
    assert mine.status_code == 200


def test_accounts_that_were_closed_long_ago_are_erased_by_themselves(
    scene: Scene, session: Session, session_factory: SessionFactory, settings: Settings
) -> None:
    scene.client.post(f"/api/v1/people/{scene.teacher.id}/close", headers=scene.bureau)
    (chore,) = (each for each in chores_of(settings) if each.name == "erase-closed-accounts")
    now = datetime.now(UTC)
    assert chore.work(session_factory, now + timedelta(days=359)) == 0
    assert [chore.work(session_factory, now + timedelta(days=361)) for _ in range(2)] == [1, 0]
    assert LOGIN not in everything(session)


def test_every_id_of_a_person_is_a_reference_or_part_of_the_trail() -> None:
    """An export finds what refers to people; a column that only looks like it would be missed."""
    known = {(each.table.name, each.column.name) for each in references()}
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name == "person_id" and isinstance(column.type, Uuid) and table.name != "audit_events":
                assert (table.name, column.name) in known


def test_an_operator_does_both_on_the_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--database-url", f"sqlite:///{tmp_path / 'tongtang.db'}", "--data-dir", str(tmp_path)]
    assert main(["create-county", "341524", "Jinzhai", *options]) == 0
    file = tmp_path / "admin.zip"
    assert main(["admin", "export-person", "admin", str(file), *options]) == 0
    assert zipfile.is_zipfile(file)
    assert file.stat().st_mode & 0o077 == 0
    assert main(["admin", "export-person", "admin", str(file), *options]) == 2  # not over another file
    assert main(["admin", "export-person", "nobody", str(tmp_path / "n.zip"), *options]) == 2
    assert main(["admin", "erase-person", "admin", "--yes", *options]) == 2
    assert "Appoint another bureau admin" in capsys.readouterr().err


def test_the_document_shows_what_is_kept_as_it_is(settings: Settings) -> None:
    shown = Path("docs/privacy.md").read_text(encoding="utf-8")
    assert "\n".join(rows(settings)) in shown
    chores = {chore.name for chore in chores_of(settings)}
    named = {word for line in rows(settings) for word in line.split("`") if "-" in word and " " not in word}
    assert named <= chores
