"""The scene of `tests.fuzz.api`: counties with one of everything, everybody who asks, and what nobody else may be told.

Each name of a county begins with the county's mark, and each person's and pupil's holds one of their own. Ids belong to
the county whose rows have them, or that was told of them first.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models import Assignment, Person
from app.accounts.scopes import ACCESS_TOKEN
from app.database import Base
from tests import factories
from tests.app.asks import asks
from tests.app.asks.scene import Asks
from tests.app.asks.scene import Scene as County
from tests.app.test_permissions import made_scene
from tests.roles import Place, Who

_NAMED: Final = ("people", "org_units", "rooms", "terms", "bell_schedules", "pupils", "pupil_groups") + (
    "webhooks",
    "access_tokens",
    "room_terminals",
    "guest_links",
)
_MARKED: Final = dict.fromkeys(_NAMED, "name") | {
    "subjects": "name_en",
    "timetable_entries": "title",
    "lessons": "title",
}
"""The column of each table in which people write something to be read."""
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WEIGHT_OF_ADMINS: Final = 12
"""Most of the time somebody asks who may do something: else nearly every answer were a refusal."""


@dataclass(frozen=True)
class Asker:
    """Somebody who asks, and what must not be in any answer to them."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    who: Who | None = None
    county_id: uuid.UUID | None = None
    hidden: frozenset[str] = frozenset()
    """Marks of people that are none of their business, though of the same county."""

    def sign(self, keys: Any) -> dict[str, str]:
        """What makes a request theirs; tokens are made anew, for a long run outlives them."""
        return {**self.headers, **(self.who.headers(keys) if self.who else {})}


@dataclass
class Scene:
    """Counties, and everybody of them."""

    counties: list[County]
    asks: list[Asks]
    askers: list[Asker]
    owners: dict[str, uuid.UUID]
    """Whose an id is."""
    ids: dict[str, list[str]]
    """What is there by the name of a parameter, in each county."""
    marks: dict[uuid.UUID, str]
    """The mark of each county there is."""

    def leaks(self, asker: Asker, asked: str, answer: str) -> Iterator[str]:
        """What an answer tells of another county, or of people it must not tell of."""
        if asker.county_id is not None:
            for found in set(_UUID.findall(answer)):
                owner = self.owners.get(found)
                if found not in asked and owner not in (None, asker.county_id):
                    yield "an id of another county"
                elif found not in asked:
                    self.owners[found] = asker.county_id
        for county_id, mark in self.marks.items():
            if county_id != asker.county_id and mark in answer:
                yield "a name of another county"
        if any(mark in answer for mark in asker.hidden):
            yield "somebody's name"


def mark_of(county_id: uuid.UUID) -> str:
    """What every name of a county begins with."""
    return f"mark-{county_id.hex[:12]}"


def mark_of_person(row_id: uuid.UUID) -> str:
    """What is in the name of one person, or pupil, only."""
    return f"who-{row_id.hex[:12]}"


def build(app: FastAPI) -> Scene:
    """Put two counties in, and those that strangers are from."""
    with app.state.session_factory.begin() as session:
        counties = [made_scene(session), made_scene(session)]
        home = counties[0]
        askers = [Asker("nobody"), Asker("a bad token", {"Authorization": "Bearer x"})]
        askers += [_asker(session, home, who) for who in home.cast]
        askers += [_asker(session, counties[1], who) for who in counties[1].cast if who.place is Place.THERE]
        askers += _scripts(session, home)
        admins = [each for each in askers if each.name == "bureau_admin there"]
        session.flush()
        owners = _owners(session)
        _mark(session, owners)
        ids: dict[str, list[str]] = {}
        for each in counties:
            for name, value in _ids(each).items():
                ids.setdefault(name, []).append(value)
        return Scene(
            counties,
            [asks(each) for each in counties],
            askers + admins * (_WEIGHT_OF_ADMINS - 1),
            {str(row_id): county_id for row_id, county_id in owners.items()},
            ids,
            {county_id: mark_of(county_id) for county_id in owners.values()},
        )


def _asker(session: Session, home: County, who: Who) -> Asker:
    return Asker(str(who), {}, who, who.person.county_id, frozenset(_hidden(session, home, who)))


def _scripts(session: Session, home: County) -> Iterator[Asker]:
    """Tokens for scripts of an admin, which reach less far than the admin."""
    bureau = home.county.bureau
    for scope in ("read", "all"):
        secret = f"{ACCESS_TOKEN}{uuid.uuid4().hex}"
        factories.access_token(session, bureau, scope, secret=secret)
        yield Asker(
            f"a script of an admin ({scope})", {"Authorization": f"Bearer {secret}"}, None, bureau.county_id
        )


def _hidden(session: Session, home: County, who: Who) -> Iterator[str]:
    """Marks of people whom somebody without a role, or with one at another school, has nothing to do with.

    The timetable is there for the whole county, by the table of permissions: who teaches a lesson is no secret in it.
    """
    if not isinstance(who.person, Person):
        return
    outside = who.place is Place.FORMERLY or who.role is None
    own_school = home.county.school.id in {each.org_unit_id for each in who.person.assignments}
    if not outside and (who.place is not Place.ELSEWHERE or own_school):
        return
    pupils = Base.metadata.tables["pupils"]
    named = select(pupils.c.id).where(pupils.c.county_id == home.county.county.id)
    staff = select(Assignment.person_id).where(Assignment.org_unit_id == home.county.school.id)
    known = {who.person.id} if outside else {who.person.id, home.county.teacher.id}
    for row in {*session.scalars(named), *session.scalars(staff)} - known:
        yield mark_of_person(row)


def _ids(scene: County) -> dict[str, str]:
    county = scene.county
    more = {
        "teacher_id": county.teacher.id,
        "parent_id": county.county.id,
        "from_term_id": county.term.id,
        "main_room_id": county.main_room.id,
        "receiving_room_id": county.sites[0].room.id,
        "receiving_room_ids": county.sites[0].room.id,
        "add_room_ids": county.sites[0].room.id,
        "site_id": county.sites[0].unit.id,
        "drop_site_ids": county.sites[0].unit.id,
        "unit_id": county.school.id,
    }
    words = {
        "stream": f"site-{county.sites[0].unit.code}",
        "day": county.term.first_day.isoformat(),
        "index": "0",
        "kind": "rooms",
        "form": "csv",
    }
    return {name: str(value) for name, value in (dict(scene.ids) | more).items()} | words


def _owners(session: Session) -> dict[uuid.UUID, uuid.UUID]:
    """The county of every row that has an id: its own word for it, or that of what it belongs to."""
    found: dict[uuid.UUID, uuid.UUID] = {}
    for table in Base.metadata.sorted_tables:
        if "id" not in table.c:
            continue
        above = [key.parent for key in table.foreign_keys if key.parent.name != "county_id"]
        leads = [table.c.county_id] if "county_id" in table.c else above
        for row_id, *values in session.execute(select(table.c.id, *leads)):
            owners = [value if "county_id" in table.c else found.get(value) for value in values]
            if owner := next((each for each in owners if each is not None), None):
                found[row_id] = owner
    return found


def _mark(session: Session, owners: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """Let every name tell whose it is."""
    for name, column in _MARKED.items():
        table = Base.metadata.tables[name]
        for row_id in session.scalars(select(table.c.id)).all():
            words = f"{mark_of(owners[row_id])} {mark_of_person(row_id)}"
            counted = {"sequence": table.c.sequence + 1} if name == "lessons" else {}  # as every edit of them
            session.execute(update(table).where(table.c.id == row_id).values({column: words, **counted}))
