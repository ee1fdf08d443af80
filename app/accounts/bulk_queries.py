"""SQL of many accounts at once."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.accounts.models import Person

_AT_ONCE = 1000
"""Values in one list: SQLite and PostgreSQL both have a bound on them."""


def people(session: Session, county_id: uuid.UUID) -> Sequence[Person]:
    query = select(Person).where(Person.county_id == county_id).order_by(Person.login)
    return session.scalars(query.options(selectinload(Person.assignments))).all()


def taken(session: Session, logins: Collection[str]) -> set[str]:
    """Those of some logins that somebody has, in whatever county."""
    wanted = sorted(logins)
    return {
        login
        for start in range(0, len(wanted), _AT_ONCE)
        for login in session.scalars(
            select(Person.login).where(Person.login.in_(wanted[start : start + _AT_ONCE]))
        )
    }
