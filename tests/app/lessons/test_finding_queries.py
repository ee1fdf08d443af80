"""Lists of lessons, against a slow and obvious look at the same lessons."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.lessons import finding_queries
from app.lessons.finding_queries import Reach, Search
from app.lessons.rules import LessonState, SiteState, belongs
from app.listing import Paging
from app.schools.rules import RoomKind
from tests import counties, factories
from tests.counties import Site
from tests.lessons_by_chance import BEGIN, LessonsByChance

ALONE = """
from sqlalchemy.types import NullType
from app.lessons import finding_queries as queries
given = frozenset(["county_id", "room_id", "org_unit_ids"])
given |= set(queries._NARROWING)
given |= {f"{kind}_{which}" for kind in {*queries._WAYS, *queries._WAYS_BY_SITE} for which in (0, "any")}
for everywhere in (True, False):
    statement = queries._page(given, "starts_at", everywhere=everywhere, drafts=False, goes_on=True)
    print([name for name, each in statement.compile().binds.items() if isinstance(each.type, NullType)])
"""


def test_what_is_given_has_a_type_also_where_no_other_table_is_known() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


@pytest.mark.parametrize("apart", [0, 16], ids=["all at once", "each apart"])
def test_a_list_has_what_is_in_reach_page_by_page(
    session: Session, apart: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding_queries, "_APART", apart)
    county = counties.county(session, sites=2, weeks=1)
    # A room of the main school itself that takes lessons, too.
    room = factories.room(session, county.school, RoomKind.RECEIVING)
    pairing = counties.pair(session, county.main_room, room, county.term)
    sites = [*county.sites, Site(county.school, room, county.teacher, pairing)]
    lessons = LessonsByChance(session, county, sites, seed=5)
    first, second = (site.unit.id for site in county.sites)
    school = county.school.id
    for reach in (
        Reach(site_ids=frozenset([first])),
        Reach(site_ids=frozenset([first, second, school])),
        Reach(school_ids=frozenset([school]), site_ids=frozenset([school, second])),
        Reach(room_id=room.id, lesson_id=lessons.rows.lessons[7]["id"]),
        Reach(teacher_id=county.teacher.id, site_ids=frozenset([second])),
        Reach(),
    ):
        search = Search(county.county.id, reach, starts_from=BEGIN.replace(hour=9))
        expected = list(_in_reach(lessons, search))
        assert [*_walked(session, search, "starts_at")] == expected
        assert [*_walked(session, search, "-starts_at")] == expected[::-1]
        assert [*_walked(session, Search(county.school.id, reach), "starts_at")] == []


def _walked(session: Session, search: Search, sort: str) -> Iterator[UUID]:
    after: str | None = None
    while True:
        page = finding_queries.page(session, search, Paging(sort, after, 7))
        yield from (each.id for each in page.items)
        after = page.next
        if after is None:
            return


def _in_reach(lessons: LessonsByChance, search: Search) -> Iterator[UUID]:
    for lesson in sorted(lessons.rows.lessons, key=lambda each: (each["starts_at"], str(each["id"]))):
        state = LessonState(lesson["state"])
        called_off = state in (LessonState.CANCELLED, LessonState.MOVED) and lesson["sequence"] == 0
        told = state is not LessonState.DRAFT and not called_off
        if told and lesson["starts_at"] >= search.starts_from and _reached(lessons, lesson, search.reach):
            yield lesson["id"]


def _reached(lessons: LessonsByChance, lesson: dict[str, Any], reach: Reach) -> bool:
    sites = [
        each
        for each in lessons.rows.sites
        if each["lesson_id"] == lesson["id"]
        and belongs(SiteState(each["state"]), LessonState(lesson["state"]))
    ]
    return (
        lesson["id"] == reach.lesson_id
        or lesson["teacher_id"] == reach.teacher_id
        or lesson["school_id"] in reach.school_ids
        or any(each["site_id"] in reach.site_ids for each in sites)
        or reach.room_id in (lesson["main_room_id"], *(each["receiving_room_id"] for each in sites))
    )
