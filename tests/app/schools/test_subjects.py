"""A county's list of subjects over REST, and the list a county had without one."""

from typing import Any

from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.migrate import alembic_config
from app.schools.subject_list import STANDARD_SUBJECTS
from tests import counties, factories

USUAL = {word for each in STANDARD_SUBJECTS for word in each}
WORDS = st.one_of(st.sampled_from(sorted(USUAL)), st.text(min_size=1, max_size=50))


MIGRATION = ScriptDirectory.from_config(alembic_config("sqlite://")).get_revision("20261122_headcounts")


@given(st.sets(WORDS, max_size=30))
def test_what_timetables_named_becomes_the_list(words: set[str]) -> None:
    listed = MIGRATION.module._listed(sorted(words))
    codes, zh, en = zip(*listed, strict=True)
    assert words <= set(codes)  # so that no entry has to be rewritten
    for column in (codes, zh, en):
        assert len(set(column)) == len(column)
        assert all(0 < len(each) <= 50 for each in column)
    for _, name, _ in STANDARD_SUBJECTS:
        assert any(name in each for each in listed)


def test_timetables_name_subjects_of_the_list(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    bureau, teacher = factories.bearer(keys, county.bureau), factories.bearer(keys, county.teacher)
    stranger = factories.bearer(keys, counties.county(session, sites=0).bureau)
    session.commit()

    def ask(method: str, path: str, body: Any = None, header: dict[str, str] = bureau) -> tuple[int, Any]:
        answer = client.request(method, f"/api/v1/{path}", headers=header, json=body)
        return answer.status_code, answer.json() if answer.content else None

    def code_of(method: str, path: str, body: Any = None, header: dict[str, str] = bureau) -> str:
        return str(ask(method, path, body, header)[1]["code"])

    first = ask("GET", "subjects", header=teacher)[1]["items"]
    assert {each["code"]: (each["name_zh"], each["name_en"]) for each in first} == {
        code: (zh, en) for code, zh, en in STANDARD_SUBJECTS
    }
    brush = {"code": "Brush", "name_zh": "书法", "name_en": "Calligraphy"}
    status, made = ask("POST", "subjects", brush)
    assert (status, made | brush) == (201, made)
    assert ask("GET", f"subjects/{made['id']}", header=teacher) == (200, made)
    assert code_of("GET", f"subjects/{made['id']}", header=stranger) == "subject.not_found"
    assert code_of("POST", "subjects", brush, teacher) == "access.denied"
    for field, value in (("code", "English"), ("name_zh", "英语"), ("name_en", "English")):
        refused = ask("POST", "subjects", {"code": "A", "name_zh": "B", "name_en": "C", field: value})[1]
        assert (refused["code"], refused["field"]) == ("subject.taken", field)
    assert ask("PATCH", f"subjects/{made['id']}", {"name_en": "Brush"})[1]["name_en"] == "Brush"
    stale = client.patch(
        f"/api/v1/subjects/{made['id']}", headers={**bureau, "If-Match": '"1"'}, json={"name_en": "Pen"}
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "version.stale")
    assert code_of("PATCH", f"subjects/{made['id']}", {"name_en": "English"}) == "subject.taken"
    assert code_of("PATCH", f"subjects/{made['id']}", {}) == "request.invalid"
    assert code_of("PATCH", f"subjects/{made['id']}", {"code": "Pen"}) == "request.invalid"

    entry = county.body(weekday=county.term.first_day.isoweekday(), subject="Alchemy")
    status, refused = ask("POST", "timetable-entries", entry)
    assert (status, refused["code"], refused["subject"]) == (422, "subject.unknown", "Alchemy")
    assert "Brush" in refused["known"]
    agreement = {
        "main_room_id": entry["main_room_id"], "receiving_room_id": entry["receiving_room_ids"][0],
        "subjects": ["Brush"], "valid_from": "2031-01-01", "valid_to": "2031-06-01", "capacity": 3,
    }  # fmt: skip
    assert code_of("POST", "pairings", agreement | {"subjects": ["Alchemy"]}) == "subject.unknown"
    assert ask("POST", "timetable-entries", entry | {"subject": "English"})[0] == 201
    assert ask("POST", "pairings", agreement)[0] == 201
    english = next(each for each in first if each["code"] == "English")
    assert code_of("DELETE", f"subjects/{english['id']}") == "subject.in_use"  # by an entry
    assert code_of("DELETE", f"subjects/{made['id']}") == "subject.in_use"  # by an agreement
    music = next(each for each in first if each["code"] == "Music")
    assert ask("DELETE", f"subjects/{music['id']}")[0] == 204
    assert code_of("POST", "timetable-entries", entry | {"subject": "Music"}) == "subject.unknown"
