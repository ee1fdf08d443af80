"""Which main room is suggested for a site, and why."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.keys import Keys
from app.pairings.scoring import Candidate, Item, rank
from app.schools.rules import RoomKind
from app.timetables.models import TimetableEntry
from tests import counties, factories
from tests.statements import recorded

ids = st.integers(0, 3).map(lambda number: UUID(int=number))
candidates = st.builds(
    Candidate,
    room_id=ids,
    name=st.sampled_from(["A", "B"]),
    capacity=st.integers(1, 5),
    paired=st.integers(0, 6),
    lessons_in_subject=st.integers(0, 2),
    shared_periods=st.integers(0, 40),
    levels_shared=st.integers(0, 2),
    lessons_a_week=st.integers(0, 40),
    link_mbps=st.none() | st.floats(0.5, 200),
)


def candidate(number: int = 0, **changes: object) -> Candidate:
    wanted = {
        "room_id": UUID(int=number), "name": "A", "capacity": 3, "paired": 1, "lessons_in_subject": 2,
        "shared_periods": 20, "levels_shared": 1, "lessons_a_week": 10, "link_mbps": 100.0,
    }  # fmt: skip
    return Candidate(**(wanted | changes))  # type: ignore[arg-type]


@given(st.lists(candidates, max_size=4, unique_by=lambda each: each.room_id), st.integers(1, 8))
def test_the_order_is_the_same_however_the_rooms_come(rooms: list[Candidate], most: int) -> None:
    found = rank(rooms, 2, most)
    assert found == rank(sorted(rooms, key=repr), 2, most) == rank(rooms, 2, 100)[:most]
    assert [not each.is_possible for each in found] == sorted(not each.is_possible for each in found)
    for each in found:
        assert each.points == sum(reason.points for reason in each.reasons)
        assert [reason.item for reason in each.reasons] == list(Item)


def test_what_a_suggestion_says() -> None:
    (found,) = rank([candidate()], 2, 10)
    assert [(reason.item.value, reason.fact, reason.points) for reason in found.reasons] == [
        ("capacity", 2, 20), ("subject", 2, 20), ("bells", 20, 20), ("link", 100.0, 10), ("nearness", 1, 5),
        ("distance", None, 0),
        ("load", 10, -5),
    ]  # fmt: skip


def test_better_rooms_come_first_and_equal_ones_by_name() -> None:
    full, slow, far = candidate(1, paired=3), candidate(2, link_mbps=1), candidate(3, levels_shared=0)
    named, twin = candidate(4, name="B"), candidate(5)
    found = rank([full, slow, far, named, twin, candidate(0)], 2, 10)
    assert [each.candidate.room_id.int for each in found] == [0, 5, 4, 3, 2, 1]
    assert [each.is_possible for each in found] == [True] * 5 + [False]


def test_main_rooms_are_suggested_over_rest(client: TestClient, session: Session, keys: Keys) -> None:
    county = counties.county(session, sites=1)
    county.schedule(session)
    new = factories.teaching_site(session, county.school)
    other = factories.room(session, factories.school(session, county.county))
    receiving = factories.room(session, new, RoomKind.RECEIVING)
    bureau = factories.bearer(keys, county.bureau)
    session.commit()
    address = f"/api/v1/pairings/suggestions?term_id={county.term.id}&subject=English&site_id="
    with recorded(client.app.state.engine) as statements:  # type: ignore[attr-defined]
        items = client.get(f"{address}{new.id}", headers=bureau).json()["items"]
    assert len(statements) <= 20
    assert [each["main_room_id"] for each in items] == [str(county.main_room.id), str(other.id)]
    facts = {reason["item"]: reason["fact"] for reason in items[0]["reasons"]}
    assert facts == {
        "capacity": 2, "subject": 1, "bells": 13, "link": None, "nearness": 1, "distance": None, "load": 1,
    }  # fmt: skip
    assert (
        client.get(f"{address}{county.school.id}", headers=bureau).json()["code"]
        == "pairing.no_receiving_room"
    )
    assert client.get(f"{address}{new.id}&limit=21", headers=bureau).status_code == 422
    unknown = address.replace("English", "Englisch")
    assert client.get(f"{unknown}{new.id}", headers=bureau).json()["code"] == "subject.unknown"

    # What was withdrawn holds nothing, and a room that closes in the term is no room to be taught in.
    session.execute(update(TimetableEntry).values(withdrawn=True))
    session.commit()
    (first, _) = client.get(f"{address}{new.id}", headers=bureau).json()["items"]
    facts = {reason["item"]: reason["fact"] for reason in first["reasons"]}
    assert (facts["subject"], facts["bells"], facts["load"]) == (0, 14, 0)
    receiving.closed_from = county.term.last_day
    session.commit()
    refused = client.get(f"{address}{new.id}", headers=bureau).json()
    assert refused["code"] == "pairing.no_receiving_room" and "reopen" in refused["detail"]
