"""Against lost updates: what one has seen is what one changes, or nothing is changed."""

import json
from collections.abc import Collection
from datetime import date, timedelta
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.entity_tags import read_if_match, read_if_none_match, tagged
from app.keys import Keys
from app.schools.models import Room
from app.schools.schemas import RoomOut
from app.versions import ANY
from tests import counties, factories
from tests.crowds import at_once

WRITERS = 6
ROOM = RoomOut.model_validate(RoomOut.model_config["json_schema_extra"]["example"])  # type: ignore[index]


def test_a_change_of_what_is_no_longer_there_is_refused(
    client: TestClient, session: Session, keys: Keys
) -> None:
    """Two admins with the same week on their screens, and a script that does not care."""
    place = counties.county(session, first_day=counties.tomorrow())
    entry_id = place.schedule(session).entry.id
    teacher = factories.person(session, place.school, Role.TEACHER)
    session.commit()
    bureau = factories.bearer(keys, place.bureau)
    address = f"/api/v1/timetable-entries/{entry_id}"

    seen = client.get(address, headers=bureau)
    tag = seen.headers["ETag"]
    assert tag.startswith(f'"{seen.json()["version"]}-')
    again = client.get(address, headers=bureau | {"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Cache-Control"] == "private, no-cache"

    def change(title: str, condition: dict[str, str]) -> Any:
        return client.patch(f"{address}?scope=all", json={"title": title}, headers=bureau | condition)

    first = change("First", {"If-Match": tag})
    assert first.status_code == 200
    second = change("Second", {"If-Match": tag})
    assert (second.status_code, second.json()["code"]) == (412, "version.stale")
    shown = client.get(address, headers=bureau | {"If-None-Match": tag})
    assert (shown.status_code, shown.json()["title"]) == (200, "First")
    assert shown.json()["version"] == first.json()["entry"]["version"]
    # The number of an item of a list will do; what is weak, or none of ours, is never the same.
    for condition in (f'W/"{shown.json()["version"]}"', '"abc"', "nonsense", ""):
        assert change("Never", {"If-Match": condition}).status_code == 412
    assert change("Third", {"If-Match": f'"{shown.json()["version"]}"'}).status_code == 200
    assert change("Fourth", {"If-Match": "*"}).status_code == 200
    assert change("Fifth", {}).status_code == 200

    # To whoever may not change it the answer is the same as ever: nothing tells versions to strangers.
    assert (
        client.patch(
            f"{address}?scope=all",
            json={"title": "x"},
            headers=factories.bearer(keys, teacher) | {"If-Match": tag},
        ).status_code
        == 403
    )

    lesson = client.get("/api/v1/lessons?limit=1", headers=bureau).json()["items"][0]
    lesson_address = f"/api/v1/lessons/{lesson['id']}"
    stand_in = {"teacher_id": str(teacher.id)}
    mine = bureau | {"If-Match": f'"{lesson["version"]}"'}
    assert client.post(f"{lesson_address}/substitute", json=stand_in, headers=mine).status_code == 200
    late = client.post(f"{lesson_address}/cancel", json={"reason": "Ill"}, headers=mine)
    assert (late.status_code, late.json()["code"]) == (412, "version.stale")
    assert client.get(lesson_address, headers=bureau).json()["state"] == "published"

    pairing = client.get("/api/v1/pairings?limit=1", headers=bureau).json()["items"][0]
    pairing_address = f"/api/v1/pairings/{pairing['id']}"
    longer = {"valid_to": str(date.fromisoformat(pairing["valid_to"]) + timedelta(days=90))}
    as_seen = bureau | {"If-Match": f'"{pairing["version"]}"'}
    assert client.post(f"{pairing_address}/renew", json=longer, headers=as_seen).status_code == 201
    assert client.post(f"{pairing_address}/renew", json=longer, headers=as_seen).status_code == 412

    # A role is part of the person, though in a row of its own.
    person_address = f"/api/v1/people/{teacher.id}"
    person = client.get(person_address, headers=bureau)
    role = {"role": "school_admin", "org_unit_id": str(place.school.id)}
    assert client.post(f"{person_address}/assignments", json=role, headers=bureau).status_code == 201
    closing = client.post(f"{person_address}/close", headers=bureau | {"If-Match": person.headers["ETag"]})
    assert closing.status_code == 412


def test_lists_that_are_set_as_a_whole_have_versions_too(
    client: TestClient, session: Session, keys: Keys
) -> None:
    place = counties.county(session, sites=0, first_day=counties.tomorrow())
    bureau, term, school = factories.bearer(keys, place.bureau), place.term.id, place.school.id
    day = str(place.term.last_day)
    session.commit()
    line = {"grade": 3, "subject": "English", "periods_per_week": 3}
    holiday = {"days": [{"date": day, "kind": "holiday"}]}
    for shown, changed, body in (
        (f"org-units/{school}/headcounts?term_id={term}",) * 2 + ({"grades": [{"grade": 1, "pupils": 5}]},),
        (f"org-units/{school}/curriculum?term_id={term}",) * 2 + ({"requirements": [line]},),
        (f"terms/{term}/calendar", "calendar-days", holiday),
    ):
        seen = client.get(f"/api/v1/{shown}", headers=bureau)
        tag = {"If-Match": seen.headers["ETag"]}
        assert (
            client.get(f"/api/v1/{shown}", headers=bureau | {"If-None-Match": tag["If-Match"]}).status_code
            == 304
        )
        for _ in range(2):
            made = client.put(f"/api/v1/{changed}", headers=bureau | tag, json=body)
            assert made.status_code == 200, made.text
            late = client.put(f"/api/v1/{changed}", headers=bureau | tag, json=body)
            assert (late.status_code, late.json()["code"]) == (412, "version.stale")
            again = client.get(f"/api/v1/{shown}", headers=bureau)
            assert again.json()["version"] == seen.json()["version"] + 1
            seen, tag = again, {"If-Match": again.headers["ETag"]}
    late = client.delete(f"/api/v1/calendar-days/{day}", headers=bureau | {"If-Match": '"1"'})
    assert late.status_code == 412
    assert client.delete(f"/api/v1/calendar-days/{day}", headers=bureau | tag).status_code == 204


def test_of_writers_who_saw_the_same_one_goes_on(client: TestClient, session: Session, keys: Keys) -> None:
    place = counties.county(session)
    people = [factories.person(session, place.school, Role.TEACHER) for _ in range(3)]
    session.commit()
    bureau = factories.bearer(keys, place.bureau)
    for person in people:
        address = f"/api/v1/people/{person.id}"
        tag = client.get(address, headers=bureau).headers["ETag"]
        close = partial(client.post, f"{address}/close", headers=bureau | {"If-Match": tag})
        answers = sorted(each.status_code for each in at_once([close] * WRITERS))
        assert answers == [200] + [412] * (WRITERS - 1)


def test_every_statement_counts(session: Session) -> None:
    unit = factories.county(session)
    room = factories.room(session, factories.school(session, unit))
    assert room.version == 1
    room.name = "Another"
    session.flush()
    assert room.version == 2
    session.execute(update(Room).where(Room.id == room.id).values(name="A third"))
    session.refresh(room)
    assert room.version == 3
    ANY.require(session, room)
    session.refresh(room)
    assert (room.version, room.name) == (4, "A third")
    person = factories.person(session, unit, None)
    session.execute(update(Person.__table__).values(name="Raw"))  # type: ignore[arg-type]
    session.refresh(person)
    assert person.version == 2


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 10**6), st.sampled_from(["", "-0a1b", "-", "x"]))),
    st.sampled_from([",", ", ", " ,  "]),
)
def test_conditions_are_read_as_the_standard_says(
    tags: Collection[tuple[bool, int, str]], comma: str
) -> None:
    """Against a slow obvious reading: strong tags of ours, whatever stands between them."""
    header = comma.join(f'{"W/" if weak else ""}"{version}{rest}"' for weak, version, rest in tags)
    expected = frozenset(v for weak, v, rest in tags if not weak and rest in ("", "-0a1b"))
    assert read_if_match(header).versions == expected


@given(st.text(max_size=200))
def test_no_condition_is_an_error(text: str) -> None:
    read_if_match(text)
    assert read_if_none_match(text).answer(ROOM).status_code in (200, 304)


def test_a_tag_is_of_the_answer_not_of_the_row_alone() -> None:
    """A room that is renamed changes the lessons in it, and a release may add fields: the version stays."""
    one, other = tagged(ROOM), tagged(ROOM.model_copy(update={"name": "Another"}))
    assert one.headers["ETag"] != other.headers["ETag"]
    assert json.loads(bytes(one.body)) == ROOM.model_dump(mode="json")
    created = tagged(ROOM, 201, "/api/v1/rooms/1")
    assert (created.status_code, created.headers["Location"]) == (201, "/api/v1/rooms/1")
    assert created.headers["ETag"] == one.headers["ETag"]
