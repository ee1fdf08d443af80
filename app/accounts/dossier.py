"""Everything the database holds about a person, found by what the tables themselves say.

A column that refers to `people` makes its row one about a person. Rows that go with the account by the foreign key
(``ON DELETE CASCADE``: roles, sign-ins, tokens) are the person's own; others, such as a lesson, only name them. A new
table of any domain is found by itself.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ForeignKey, String, Table, delete, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.database import Base

MOST_ROWS: Final = 20_000
"""Rows of one table in an export; the newest events first."""

_SECRET: Final = ("hash", "secret", "token", "key")
_STAYS: Final = frozenset({"id", "county_id", "created_at"})
_NAMES_SOMEBODY: Final = frozenset({"login", "email", "mail"})
"""Columns of tables without a reference to people that name one all the same."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that says whom a row is about."""

    column: Column[Any]
    owned: bool
    """The row belongs to the person and goes with the account."""

    @property
    def table(self) -> Table:
        found = self.column.table
        assert isinstance(found, Table)
        return found


def references() -> Iterator[Reference]:
    """Every column that refers to a person."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                if key.column.table.name == Person.__tablename__:
                    yield Reference(column, owned=_goes_along(key))


def collect(session: Session, person_id: uuid.UUID) -> dict[str, list[dict[str, Any]]]:
    """The rows about a person by table, without secrets and their hashes."""
    found: dict[str, list[dict[str, Any]]] = {
        "person": _rows(session, Base.metadata.tables["people"], "id", person_id)
    }
    for each in references():
        rows = _rows(session, each.table, each.column.name, person_id)
        if rows:
            found.setdefault(each.table.name, []).extend(rows)
    return found


def forget(session: Session, person: Person, pseudonym: Mapping[str, Any]) -> None:
    """Delete what belongs to a person, and put a pseudonym in the place of what names them."""
    for each in references():
        if each.owned:
            session.execute(delete(each.table).where(each.column == person.id))
    people = Base.metadata.tables["people"]
    names = {str(getattr(person, name)) for name in _NAMES_SOMEBODY if getattr(person, name, None)}
    for table in Base.metadata.sorted_tables:
        columns = [c for c in table.columns if c.name in _NAMES_SOMEBODY and isinstance(c.type, String)]
        if columns and table is not people:
            session.execute(delete(table).where(or_(*(column.in_(names) for column in columns))))
    # A column that another part of the product adds to people is emptied, too, unless it is named here.
    values = {c.name: None for c in people.columns if c.nullable and c.name not in _STAYS}
    session.execute(update(people).where(people.c.id == person.id).values({**values, **pseudonym}))


def closed_since(session: Session, before: datetime, most: int) -> list[uuid.UUID]:
    """People whose account was closed before then and who were not erased yet."""
    query = select(Person.id).where(
        Person.active.is_(False), Person.erased_at.is_(None), Person.tokens_since < before
    )
    return list(session.scalars(query.limit(most)))


def _rows(session: Session, table: Table, column: str, person_id: uuid.UUID) -> list[dict[str, Any]]:
    shown = [each for each in table.columns if not any(word in each.name for word in _SECRET)]
    query = select(*shown).where(table.columns[column] == person_id).limit(MOST_ROWS)
    return [dict(row) for row in session.execute(query).mappings()]


def _goes_along(key: ForeignKey) -> bool:
    return (key.ondelete or "").upper() == "CASCADE"
