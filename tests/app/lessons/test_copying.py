"""A new half-year begins with what the last one had: its timetable and curriculum, as far as that can still be."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.timetables import service as timetables
from app.timetables.calendar import EVERY_DAY
from app.timetables.weeks import WeekPattern
from tests import counties, factories


def test_a_term_begins_with_the_timetable_of_the_last(
    client: TestClient, session: Session, keys: Keys
) -> None:
    first_day = counties.tomorrow()
    county = counties.county(session, sites=2, first_day=first_day, weeks=4)
    weekday, rooms = first_day.isoweekday(), [site.room.id for site in county.sites]
    first = county.schedule(session, weekday=weekday, receiving_room_ids=(rooms[0],)).entry
    second = county.schedule(
        session, weekday=weekday, period=2, receiving_room_ids=(rooms[1],), week_pattern=WeekPattern.ODD
    ).entry
    start = county.term.last_day + timedelta(days=1)
    days = start, start + timedelta(weeks=6, days=-1)
    spring = timetables.create_term(
        session, county.county.id, timetables.TermDraft("Spring", *days, counties.BACK_TO_BACK, EVERY_DAY)
    )
    county.sites[0].pairing.valid_to = spring.last_day  # the other agreement ends with the old term
    bureau = factories.bearer(keys, county.bureau)
    old, new, unit = (str(each) for each in (county.term.id, spring.id, county.school.id))
    session.commit()

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = client.request(method, f"/api/v1/{path}", headers=bureau, json=body)
        return answer.status_code, answer.json()

    wanted = {"term_id": new, "entry_ids": [str(first.id), str(second.id)]}
    status, tried = ask("POST", "timetable-entries/copy/effects", wanted)
    assert (status, [each["lessons"] for each in tried["copied"]]) == (200, [6])
    assert [(each["entry_id"], each["code"]) for each in tried["left"]] == [
        (str(second.id), "pairing.not_active")
    ]
    assert ask("GET", f"timetable-entries?term_id={new}")[1]["items"] == []
    status, refused = ask("POST", "timetable-entries/copy", wanted)
    assert (status, refused["code"], refused["left"]) == (409, "timetable.not_copied", tried["left"])
    assert ask("GET", f"timetable-entries?term_id={new}")[1]["items"] == []
    assert ask("POST", "timetable-entries/copy", wanted | {"others": "leave"})[1]["left"] == tried["left"]
    (copy,) = ask("GET", f"timetable-entries?term_id={new}")[1]["items"]
    assert (copy["first_day"], copy["weekday"], copy["published"]) == (str(start), weekday, False)
    again = ask("POST", "timetable-entries/copy", wanted | {"others": "leave"})[1]
    assert [each["code"] for each in again["left"]] == ["timetable.clash", "pairing.not_active"]

    # A series that was changed in mid-term is two entries, of which one can be in the other term; trying says so, too.
    middle, other = first_day + timedelta(weeks=2), weekday % 7 + 1
    spans: list[dict[str, Any]] = [{"last_day": middle - timedelta(days=1)}, {"first_day": middle}]
    halves = [
        county.schedule(session, weekday=other, receiving_room_ids=(rooms[0],), **days).entry.id
        for days in spans
    ]
    session.commit()
    both = {"term_id": new, "entry_ids": [str(each) for each in halves], "others": "leave"}
    for path in ("timetable-entries/copy/effects", "timetable-entries/copy"):
        outcome = ask("POST", path, both)[1]
        assert [each["from_id"] for each in outcome["copied"]] == [str(halves[0])]
        assert [(each["entry_id"], each["code"]) for each in outcome["left"]] == [
            (str(halves[1]), "timetable.clash")
        ]

    line = {"grade": 3, "subject": "English", "periods_per_week": 3, "own_periods": 1}
    assert ask("PUT", f"org-units/{unit}/curriculum?term_id={old}", {"requirements": [line]})[0] == 200
    path, body = f"terms/{new}/curriculum/copy", {"from_term_id": old}
    assert ask("POST", path, body) == (200, {"copied": 1, "kept": 0})
    assert ask("GET", f"org-units/{unit}/curriculum?term_id={new}")[1]["own"] == [line]
    assert ask("POST", path, body) == (200, {"copied": 0, "kept": 1})
