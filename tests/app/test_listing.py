"""Lists, page by page: each row that stays is shown once, in every order, whatever comes and goes meanwhile."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import UtcDateTime
from app.errors import Invalid
from app.keys import Keys
from app.listing import Paging, both_ways, sliced
from app.pairings.models import Pairing
from app.pairings.rules import PairingState
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.counties import County


class Base(DeclarativeBase):
    """Of the table below."""


class Thing(Base):
    """A row with a column of each kind that lists are sorted by; many share a value."""

    __tablename__ = "things"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    number: Mapped[int]
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(UtcDateTime())


ORDERS = both_ways(
    name=(Thing.name, Thing.id),
    number=(Thing.number, Thing.id),
    day=(Thing.day, Thing.name, Thing.id),
    at=(Thing.at, Thing.id),
)
START = datetime(2026, 11, 22, tzinfo=UTC)
Page = Callable[..., Any]
"""Asks for a list by its path and query, and gives the answer's body."""
API = "/api/v1"

things = st.tuples(
    st.sampled_from(["a", "b", "Ä", "王老师", "王　老师", "a\xa0b", "%_\\'\"", " "]), st.integers(-2, 2)
)


def _thing(drawn: tuple[str, int]) -> Thing:
    name, number = drawn
    day, at = date(2026, 1, 1) + timedelta(days=number), START + timedelta(microseconds=number)
    return Thing(id=uuid4(), name=name, number=number, day=day, at=at)


@pytest.fixture(scope="module")
def memory() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@settings(max_examples=40)
@given(
    st.lists(things, max_size=12),
    st.sampled_from(sorted(ORDERS)),
    st.integers(1, 5),
    st.lists(st.tuples(st.lists(things, max_size=2), st.booleans()), max_size=20),
)
def test_what_stays_is_shown_once(
    memory: Engine,
    drawn: list[tuple[str, int]],
    sort: str,
    limit: int,
    between: list[tuple[list[tuple[str, int]], bool]],
) -> None:
    """Against the oracle: what was there from the first page to the last is found exactly once, and in order."""
    rows = [_thing(each) for each in drawn]
    with Session(memory) as session:
        session.add_all(rows)
        session.flush()
        stay, seen = {each.id for each in rows}, list[Thing]()
        page, meanwhile = sliced(session, select(Thing), ORDERS, Paging(sort, None, limit)), iter(between)
        seen += page.items
        while page.next is not None:
            new, remove = next(meanwhile, ([], False))
            session.add_all(_thing(each) for each in new)
            if remove and stay:  # often the very row that the next page begins after
                gone = page.items[-1].id
                session.execute(delete(Thing).where(Thing.id == gone))
                stay.discard(gone)
            session.flush()
            page = sliced(session, select(Thing), ORDERS, Paging(sort, page.next, limit))
            assert len(page.items) <= limit
            seen += page.items
        shown = [each.id for each in seen]
        assert len(set(shown)) == len(shown)
        assert stay <= set(shown)
        whole = sliced(session, select(Thing), ORDERS, Paging(sort, None, 1000)).items
        left = {each.id for each in whole}
        assert [each for each in shown if each in left] == [e.id for e in whole if e.id in set(shown)]
        session.rollback()


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(ORDERS)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(sorted(ORDERS)),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=6,
    ),
    st.sampled_from(
        ["9" * 40, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\ud800", "\x00", "nan"]
    ),
)
def test_a_cursor_that_was_tampered_with_is_refused_or_a_place(
    memory: Engine, sort: str, content: Any, strange: str
) -> None:
    with Session(memory) as session:
        for value in (content, [sort, strange, strange], [sort, strange, str(uuid4())]):
            cursor = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
            try:
                page = sliced(session, select(Thing), ORDERS, Paging(sort, cursor, 5))
            except Invalid as refused:
                assert refused.code == "page.bad_cursor"
            else:
                assert page.items == []


def test_a_cursor_of_ten_thousand_brackets_is_refused(memory: Engine) -> None:
    cursor = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with Session(memory) as session, pytest.raises(Invalid):
        sliced(session, select(Thing), ORDERS, Paging("name", cursor, 5))


def _sorted_lists(app: FastAPI) -> dict[str, tuple[str, ...]]:
    """Every list that can be sorted, with its words."""
    return {
        route.path: get_args(field.field_info.annotation)
        for route in app.routes
        if isinstance(route, APIRoute)
        for field in route.dependant.query_params
        if field.alias == "sort"
    }


def test_every_list_is_the_same_in_small_pages(
    app: FastAPI, client: TestClient, session: Session, keys: Keys
) -> None:
    """Each order of each list, on both databases; then what lists are narrowed by."""
    place = counties.county(session, first_day=counties.tomorrow())
    other = counties.county(session, first_day=counties.tomorrow())
    other.schedule(session)
    place.schedule(session)
    music = place.schedule(session, subject="Music", title="Music", weekday=2).entry
    session.commit()
    bureau = factories.bearer(keys, place.bureau)

    def page(path: str, **query: Any) -> Any:
        answer = client.get(path, params=query, headers=bureau)
        assert answer.status_code == 200, (path, query, answer.text)
        return answer.json()

    lists = _sorted_lists(app)
    assert len(lists) >= 7
    for path, words in lists.items():
        _is_the_same_in_small_pages(page, path, words)
    _lessons_and_entries_are_narrowed(page, place, other, str(music.id))
    _places_people_and_pairings_are_narrowed(page, place, other)
    _what_no_list_knows_is_refused(client, bureau, page)


def _is_the_same_in_small_pages(page: Page, path: str, words: Sequence[str]) -> None:
    """One list in each of its orders: every row once, and backwards the same."""
    assert len(words) % 2 == 0
    wholes = {w: [each["id"] for each in page(path, sort=w, limit=200)["items"]] for w in words}
    for word, whole in wholes.items():
        assert len(set(whole)) == len(whole)
        assert _walked(page, path, word, max(1, (len(whole) + 1) // 2)) == whole, (path, word)
        back = word.removeprefix("-") if word.startswith("-") else f"-{word}"
        assert wholes[back] == whole[::-1]


def _walked(page: Page, path: str, word: str, size: int) -> list[str]:
    """The ids of a list, gathered page by page."""
    walked, after = list[str](), dict[str, str]()
    while True:
        part = page(path, sort=word, limit=size, **after)
        walked += [each["id"] for each in part["items"]]
        if part["next"] is None:
            return walked
        after = {"after": part["next"]}


def _found(page: Page, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = page(f"{API}/{path}", limit=200, **query)["items"]
    return items


def _ids(page: Page, path: str, **query: Any) -> list[str]:
    return [each["id"] for each in _found(page, path, **query)]


def _lessons_and_entries_are_narrowed(page: Page, place: County, other: County, music_id: str) -> None:
    site, lessons = place.sites[0], _ids(page, "lessons")
    assert {each["subject"] for each in _found(page, "lessons", subject="Music")} == {"Music"}
    for all_of_them in (
        {"room_id": site.room.id}, {"org_unit_id": site.unit.id}, {"teacher_id": place.teacher.id},
    ):  # fmt: skip
        assert _ids(page, "lessons", **all_of_them) == lessons
    for none in ({"org_unit_id": other.school.id}, {"teacher_id": place.bureau.id}):
        assert _ids(page, "lessons", **none) == []
    assert _ids(page, "timetable-entries", subject="Music") == [music_id]
    assert _ids(page, "timetable-entries", org_unit_id=site.unit.id, weekday=2) == [music_id]
    assert _ids(page, "timetable-entries", published=False) == []


def _places_people_and_pairings_are_narrowed(page: Page, place: County, other: County) -> None:
    site = place.sites[0]
    assert len(_found(page, "rooms", org_unit_id=place.county.id)) == 1 + len(place.sites)
    assert _ids(page, "rooms", org_unit_id=site.unit.id) == [str(site.room.id)]
    assert _found(page, "rooms", name="room", kind="main") == _found(page, "rooms", kind="main")
    assert _found(page, "rooms", name="%") == []
    assistants = _ids(page, "people", role="site_assistant", org_unit_id=site.unit.id)
    assert assistants == [str(site.assistant.id)]
    assert _ids(page, "people", name=place.teacher.login.upper()) == [str(place.teacher.id)]
    assert _found(page, "people", org_unit_id=other.school.id) == _found(page, "people", active=False) == []
    assert len(_found(page, "org-units", org_unit_id=place.county.id)) == 2 + len(place.sites)
    assert len(_found(page, "pairings", org_unit_id=site.unit.id, subject="English")) == 1
    assert _found(page, "pairings", state="ended") == []


def _what_no_list_knows_is_refused(client: TestClient, bureau: dict[str, str], page: Page) -> None:
    for query, field in (("stat=live", "query.stat"), ("sort=title", "query.sort")):
        refused = client.get(f"{API}/lessons?{query}", headers=bureau)
        assert (refused.status_code, refused.json()["code"]) == (422, "request.invalid")
        assert refused.json()["errors"][0]["field"] == field
    wrong = page(f"{API}/lessons", limit=1)["next"]
    assert client.get(f"{API}/lessons?sort=-starts_at&after={wrong}", headers=bureau).status_code == 422


def test_pairings_are_found_by_where_they_stand(client: TestClient, session: Session, keys: Keys) -> None:
    """Every state that the rules give on the day is what the database filters by."""
    root = factories.county(session)
    school, bureau = factories.school(session, root), factories.person(session, root, Role.BUREAU_ADMIN)
    main = factories.room(session, school)
    site = factories.room(session, factories.teaching_site(session, school), RoomKind.RECEIVING)
    today, numbers = datetime.now(UTC).date(), count()
    decided = (PairingState.PROPOSED, PairingState.APPROVED, PairingState.SUSPENDED, PairingState.ENDED)
    old = None
    for state in (*decided, PairingState.ACCEPTED):
        for first, last in ((-20, -10), (-10, 10), (10, 20)):
            for stop in (-15, -10, 0, 10, 15) if state in decided[2:] else (None,):
                pairing = Pairing(
                    id=UUID(int=next(numbers)),
                    county_id=root.id,
                    main_room_id=main.id,
                    receiving_room_id=site.id,
                    valid_from=today + timedelta(days=first),
                    valid_to=today + timedelta(days=last),
                    capacity=1,
                    state=state,
                    stopped_from=None if stop is None else today + timedelta(days=stop),
                    renews_id=old,
                )
                session.add(pairing)
                session.flush()
                old = pairing.id
    session.commit()
    headers = factories.bearer(keys, bureau)
    everything = client.get("/api/v1/pairings?limit=200", headers=headers).json()["items"]
    assert {each["state"] for each in everything} == set(PairingState)
    for state in PairingState:
        found = client.get(f"/api/v1/pairings?limit=200&state={state}", headers=headers).json()["items"]
        assert found == [each for each in everything if each["state"] == state], state
