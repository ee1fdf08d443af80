"""Against lost updates: what one has seen is what one changes, or nothing is changed."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from httpx2 import Response
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
from tests.counties import County
from tests.crowds import at_once

WRITERS = 6
ROOM = RoomOut.model_validate(RoomOut.model_config["json_schema_extra"]["example"])  # type: ignore[index]


@dataclass(frozen=True)
class Screens:
    """Two admins with the same week on their screens, and a script that does not care."""

    client: TestClient
    place: County
    teacher: Person
    entry_id: UUID
    bureau: dict[str, str]

    @property
    def entry(self) -> str:
        return f"/api/v1/timetable-entries/{self.entry_id}"

    def first(self, things: str) -> dict[str, Any]:
        """The first one of a list."""
        found: dict[str, Any] = self.client.get(f"/api/v1/{things}?limit=1", headers=self.bureau).json()
        item: dict[str, Any] = found["items"][0]
        return item

    def seen(self, version: int) -> dict[str, str]:
        """The headers of somebody who saw this version in a list."""
        return self.bureau | {"If-Match": f'"{version}"'}

    def rename(self, title: str, condition: dict[str, str], who: dict[str, str] | None = None) -> Response:
        headers = (who or self.bureau) | condition
        return self.client.patch(f"{self.entry}?scope=all", json={"title": title}, headers=headers)


def test_a_change_of_what_is_no_longer_there_is_refused(
    client: TestClient, session: Session, keys: Keys
) -> None:
    place = counties.county(session, first_day=counties.tomorrow())
    entry_id = place.schedule(session).entry.id
    teacher = factories.person(session, place.school, Role.TEACHER)
    session.commit()
    screens = Screens(client, place, teacher, entry_id, factories.bearer(keys, place.bureau))
    tag = _what_has_not_changed_is_not_sent_again(screens)
    _the_second_of_two_is_refused(screens, tag)
    _versions_are_told_to_nobody_else(screens, tag, factories.bearer(keys, teacher))
    _a_lesson_given_to_another_is_not_called_off_unseen(screens)
    _an_agreement_is_renewed_once(screens)
    _a_role_is_part_of_the_person(screens)


def _what_has_not_changed_is_not_sent_again(screens: Screens) -> str:
    """The tag of the entry."""
    seen = screens.client.get(screens.entry, headers=screens.bureau)
    tag = seen.headers["ETag"]
    assert tag.startswith(f'"{seen.json()["version"]}-')
    known = screens.bureau | {"If-None-Match": f'"other", W/{tag}'}
    again = screens.client.get(screens.entry, headers=known)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Cache-Control"] == "private, no-cache"
    return str(tag)


def _the_second_of_two_is_refused(screens: Screens, tag: str) -> None:
    first = screens.rename("First", {"If-Match": tag})
    assert first.status_code == 200
    second = screens.rename("Second", {"If-Match": tag})
    assert (second.status_code, second.json()["code"]) == (412, "version.stale")
    shown = screens.client.get(screens.entry, headers=screens.bureau | {"If-None-Match": tag})
    version = shown.json()["version"]
    assert (shown.status_code, shown.json()["title"]) == (200, "First")
    assert version == first.json()["entry"]["version"]
    # The number of an item of a list will do; what is weak, or none of ours, is never the same.
    for another in (f'W/"{version}"', '"abc"', "nonsense", ""):
        assert screens.rename("Never", {"If-Match": another}).status_code == 412
    for condition in ({"If-Match": f'"{version}"'}, {"If-Match": "*"}, {}):
        assert screens.rename("At last", condition).status_code == 200


def _versions_are_told_to_nobody_else(screens: Screens, tag: str, stranger: dict[str, str]) -> None:
    """To whoever may not change it the answer is the same as ever."""
    assert screens.rename("x", {"If-Match": tag}, stranger).status_code == 403


def _a_lesson_given_to_another_is_not_called_off_unseen(screens: Screens) -> None:
    lesson = screens.first("lessons")
    address, seen = f"/api/v1/lessons/{lesson['id']}", screens.seen(lesson["version"])
    stand_in = {"teacher_id": str(screens.teacher.id)}
    assert screens.client.post(f"{address}/substitute", json=stand_in, headers=seen).status_code == 200
    late = screens.client.post(f"{address}/cancel", json={"reason": "Ill"}, headers=seen)
    assert (late.status_code, late.json()["code"]) == (412, "version.stale")
    assert screens.client.get(address, headers=screens.bureau).json()["state"] == "published"


def _an_agreement_is_renewed_once(screens: Screens) -> None:
    pairing = screens.first("pairings")
    renew, seen = f"/api/v1/pairings/{pairing['id']}/renew", screens.seen(pairing["version"])
    longer = {"valid_to": str(date.fromisoformat(pairing["valid_to"]) + timedelta(days=90))}
    answers = [screens.client.post(renew, json=longer, headers=seen).status_code for _ in range(2)]
    assert answers == [201, 412]


def _a_role_is_part_of_the_person(screens: Screens) -> None:
    """Though in a row of its own."""
    address = f"/api/v1/people/{screens.teacher.id}"
    seen = {"If-Match": screens.client.get(address, headers=screens.bureau).headers["ETag"]}
    role = {"role": "school_admin", "org_unit_id": str(screens.place.school.id)}
    given = screens.client.post(f"{address}/assignments", json=role, headers=screens.bureau)
    assert given.status_code == 201
    closing = screens.client.post(f"{address}/close", headers=screens.bureau | seen)
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
