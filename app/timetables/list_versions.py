"""Versions of what is many rows and changed as a whole: a county's calendar, a unit's headcounts or curriculum.

A change calls `count` before it changes anything; `version_of` is what whoever looks is told.
"""

from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.timetables.models import ListVersion
from app.versions import ANY, Seen


def calendar_id(county_id: UUID) -> UUID:
    """The special days of a county."""
    return uuid5(county_id, "calendar")


def headcounts_id(term_id: UUID, unit_id: UUID) -> UUID:
    """The headcounts of a unit in a term."""
    return uuid5(unit_id, f"headcounts {term_id}")


def curriculum_id(term_id: UUID, unit_id: UUID) -> UUID:
    """What a unit says of its curriculum in a term."""
    return uuid5(unit_id, f"curriculum {term_id}")


def version_of(session: Session, list_id: UUID) -> int:
    """How often it was changed, and one."""
    return session.scalar(select(ListVersion.version).where(ListVersion.id == list_id)) or 1


def count(session: Session, list_id: UUID, seen: Seen = ANY) -> None:
    """Count a change; raises `PreconditionFailed` when it is not the version any more that was seen."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = dialect.insert(ListVersion).values(id=list_id, version=1)
    session.execute(first.on_conflict_do_nothing())
    seen.require(session, session.get_one(ListVersion, list_id))
