"""SQL of people, their assignments, and what accounts need to know of the tree."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    Uuid,
    bindparam,
    column,
    or_,
    select,
    table,
    union_all,
    update,
)
from sqlalchemy.orm import Session, selectinload

from app.accounts.models import (
    Assignment,
    GuestLink,
    Person,
    RoomTerminal,
    TokenFamily,
    Unlock,
)
from app.accounts.rules import Duty, Role
from app.listing import Paging, Slice, both_ways, sliced

# The tree belongs to the schools domain, which builds on this one; here only its shape is read.
_org_units = table(
    "org_units",
    column("id", Uuid()),
    column("kind", String()),
    column("county_id", Uuid()),
    column("path", String()),
    column("time_zone", String()),
)


@dataclass(frozen=True, slots=True)
class Asker:
    """All that has to be known of a person with each of their requests."""

    id: uuid.UUID
    login: str
    name: str
    county_id: uuid.UUID
    time_zone: str
    active: bool
    must_change_password: bool
    tokens_since: datetime | None
    family_id: uuid.UUID | None
    """The family that was asked for, if it has not ended."""
    duties: tuple[Duty, ...]


@dataclass(frozen=True)
class Unit:
    """What accounts need to know of an org unit."""

    id: uuid.UUID
    kind: str
    county_id: uuid.UUID
    path: str

    @property
    def org_path(self) -> tuple[uuid.UUID, ...]:
        """The ids from the county down to the unit."""
        return tuple(uuid.UUID(part) for part in self.path.split("/") if part)


def person_by_login(session: Session, login: str) -> Person | None:
    return session.scalar(select(Person).where(Person.login == login))


_people = Person.__table__.c
_assignments = Assignment.__table__.c
# Made once, and of columns only: this is asked with every request, and costs a third of what loading objects does.
_ASKERS = (
    select(
        _people.id,
        _people.login,
        _people.name,
        _people.county_id,
        _org_units.c.time_zone,
        _people.active,
        _people.must_change_password,
        _people.tokens_since,
        TokenFamily.__table__.c.id.label("family_id"),
        _assignments.role,
        _assignments.org_unit_id,
        _assignments.valid_from,
        _assignments.valid_to,
    )
    .select_from(Person.__table__)
    .join(_org_units, _org_units.c.id == _people.county_id)
    .outerjoin(TokenFamily.__table__, TokenFamily.__table__.c.id == bindparam("family_id", type_=Uuid()))
    .outerjoin(Assignment.__table__, _assignments.person_id == _people.id)
    .where(_people.id.in_(bindparam("ids", expanding=True)))
    .order_by(_people.id, _assignments.valid_from)
)


def askers(
    session: Session, ids: Collection[uuid.UUID], family_id: uuid.UUID | None = None
) -> Sequence[Asker]:
    """People with their assignments and their county's time zone, in one statement."""
    rows = session.execute(_ASKERS, {"ids": list(ids), "family_id": family_id})
    return [_asker(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row.id)]


def _asker(rows: Sequence[Any]) -> Asker:
    """A person of the rows that each have one of their assignments, or of the only one that has none."""
    first = rows[0]
    return Asker(
        id=first.id,
        login=first.login,
        name=first.name,
        county_id=first.county_id,
        time_zone=first.time_zone,
        active=first.active,
        must_change_password=first.must_change_password,
        tokens_since=first.tokens_since,
        family_id=first.family_id,
        duties=tuple(
            Duty(row.role, row.org_unit_id, row.valid_from, row.valid_to)
            for row in rows
            if row.role is not None
        ),
    )


def person_with_assignments(session: Session, person_id: uuid.UUID) -> Person | None:
    query = select(Person).where(Person.id == person_id).options(selectinload(Person.assignments))
    return session.scalar(query)


def people_with_assignments(session: Session, ids: Collection[uuid.UUID]) -> Sequence[Person]:
    query = select(Person).where(Person.id.in_(ids)).options(selectinload(Person.assignments))
    return session.scalars(query).all()


def county_of(session: Session, holder_id: uuid.UUID) -> uuid.UUID | None:
    """The county of a person, a room's terminal or a guest link, whichever has this id."""
    own = [select(each.county_id).where(each.id == holder_id) for each in (Person, RoomTerminal, GuestLink)]
    return session.scalar(union_all(*own).limit(1))


def lock_person(session: Session, person_id: uuid.UUID) -> None:
    """Let others who want to change somebody's roles wait for this transaction."""
    session.execute(select(Person.id).where(Person.id == person_id).with_for_update())


def assignment(session: Session, assignment_id: uuid.UUID) -> Assignment | None:
    return session.get(Assignment, assignment_id)


def bureau_admins(session: Session, county_id: uuid.UUID, today: date) -> set[uuid.UUID]:
    """Those who can look after a county from today on without an end in sight."""
    query = (
        select(Person.id)
        .join(Person.assignments)
        .where(Person.county_id == county_id, Person.active.is_(True), Assignment.role == Role.BUREAU_ADMIN)
        .where(Assignment.valid_from <= today, Assignment.valid_to.is_(None))
    )
    return set(session.scalars(query))


def renew_hash(session: Session, person_id: uuid.UUID, old: str, new: str) -> None:
    """Store the same password's hash by other parameters, unless the password was changed meanwhile."""
    same = (Person.id == person_id, Person.password_hash == old)
    session.execute(update(Person).where(*same).values(password_hash=new))


def county_time_zone(session: Session, county_id: uuid.UUID) -> str:
    found: str = session.execute(
        select(_org_units.c.time_zone).where(_org_units.c.id == county_id)
    ).scalar_one()
    return found


def units(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Unit]:
    columns = _org_units.c
    rows = session.execute(
        select(columns.id, columns.kind, columns.county_id, columns.path).where(columns.id.in_(ids))
    )
    return {row.id: Unit(row.id, row.kind, row.county_id, row.path) for row in rows}


@dataclass(frozen=True, slots=True)
class PeopleSearch:
    """What a list of people is narrowed by; `below`: who has a role at these paths or under them."""

    county_id: uuid.UUID
    below: Collection[str] | None = None
    role: Role | None = None
    path: str | None = None
    on: date = date.min
    name: str | None = None
    active: bool | None = None


PEOPLE_ORDERS = both_ways(
    login=(Person.login,), name=(Person.name, Person.id), created_at=(Person.created_at, Person.id)
)


def people_page(session: Session, search: PeopleSearch, paging: Paging) -> Slice[Person]:
    """People in one of the `PEOPLE_ORDERS`. A role that is over does not count where one is asked for."""
    query = select(Person).where(Person.county_id == search.county_id, Person.erased_at.is_(None))
    if search.below is not None:
        query = query.where(_has_role(or_(*(_at_or_below(path) for path in search.below))))
    if search.role is not None or search.path is not None:
        wanted = [or_(Assignment.valid_to.is_(None), Assignment.valid_to >= search.on)]
        if search.role is not None:
            wanted.append(Assignment.role == search.role)
        if search.path is not None:
            wanted.append(_at_or_below(search.path))
        query = query.where(_has_role(*wanted))
    if search.name is not None:
        starts = [column.istartswith(search.name, autoescape=True) for column in (Person.name, Person.login)]
        query = query.where(or_(*starts))
    if search.active is not None:
        query = query.where(Person.active.is_(search.active))
    return sliced(session, query.options(selectinload(Person.assignments)), PEOPLE_ORDERS, paging)


def _has_role(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    roles = select(Assignment.person_id).join(_org_units, _org_units.c.id == Assignment.org_unit_id)
    return Person.id.in_(roles.where(*conditions))


def names(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What people are called, by id."""
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(ids))).all()
    return dict(rows)


def holders(
    session: Session, county_id: uuid.UUID, roles: Collection[Role], today: date
) -> Sequence[tuple[uuid.UUID, uuid.UUID]]:
    """Who has one of the roles in a county today, and on which unit."""
    query = (
        select(Assignment.person_id, Assignment.org_unit_id)
        .join(Person, Person.id == Assignment.person_id)
        .where(Person.county_id == county_id, Person.active, Assignment.role.in_(roles))
        .where(Assignment.valid_from <= today)
        .where(or_(Assignment.valid_to.is_(None), Assignment.valid_to >= today))
    )
    return [(person_id, unit_id) for person_id, unit_id in session.execute(query)]


def mail_addresses(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The addresses that people with an open account have proved to be theirs."""
    query = select(Person.id, Person.email).where(Person.id.in_(ids), Person.active, Person.email_proven)
    return {person_id: address for person_id, address in session.execute(query) if address is not None}


def active_people(session: Session, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return set(session.scalars(select(Person.id).where(Person.id.in_(ids), Person.active)))


def _at_or_below(path: str) -> ColumnElement[bool]:
    return or_(_org_units.c.path == path, _org_units.c.path.startswith(path + "/"))


def put_unlock(session: Session, login: str, at: datetime) -> None:
    session.merge(Unlock(login=login, at=at))


def unlocks_since(session: Session, since: datetime) -> Sequence[Unlock]:
    return session.scalars(select(Unlock).where(Unlock.at > since).order_by(Unlock.at)).all()
