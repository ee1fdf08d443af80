"""SQL of identities at the provider."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Date, String, Uuid, column, delete, exists, select, table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.accounts.rules import Source
from app.database import rows_of
from app.oidc.models import ProviderIdentity, UsedState

# The tree belongs to the schools domain, which builds on this one; here only its codes are read.
_org_units = table(
    "org_units",
    column("id", Uuid()),
    column("kind", String()),
    column("county_id", Uuid()),
    column("code", String()),
)
_assignments = table(
    "assignments",
    column("person_id", Uuid()),
    column("source", String()),
    column("valid_to", Date()),
)


@dataclass(frozen=True, slots=True)
class UnitByCode:
    """An org unit that a rule may name."""

    id: uuid.UUID
    kind: str


def county_by_code(session: Session, code: str) -> uuid.UUID | None:
    return session.scalar(
        select(_org_units.c.id).where(_org_units.c.kind == "county", _org_units.c.code == code)
    )


def units_by_code(session: Session, county_id: uuid.UUID, codes: Collection[str]) -> dict[str, UnitByCode]:
    columns = _org_units.c
    rows = session.execute(
        select(columns.id, columns.kind, columns.code).where(
            columns.county_id == county_id, columns.code.in_(codes)
        )
    )
    return {row.code: UnitByCode(row.id, row.kind) for row in rows}


def identity(session: Session, issuer: str, subject: str) -> ProviderIdentity | None:
    """Who is known by this subject; others who want to change that wait."""
    query = select(ProviderIdentity).where(
        ProviderIdentity.issuer == issuer, ProviderIdentity.subject == subject
    )
    return session.scalar(query.with_for_update())


def identity_of(session: Session, person_id: uuid.UUID, issuer: str) -> ProviderIdentity | None:
    query = select(ProviderIdentity).where(
        ProviderIdentity.person_id == person_id, ProviderIdentity.issuer == issuer
    )
    return session.scalar(query)


def unseen_with_roles(session: Session, before: datetime, most: int) -> Sequence[uuid.UUID]:
    """People with roles from the provider which has not vouched for them since then, the longest ago first."""
    columns = _assignments.c
    has_role = exists().where(
        columns.person_id == ProviderIdentity.person_id,
        columns.source == Source.PROVIDER.value,
        columns.valid_to.is_(None),  # those that are over have a last day, and only those
    )
    query = select(ProviderIdentity.person_id).where(ProviderIdentity.seen_at < before, has_role)
    return session.scalars(query.order_by(ProviderIdentity.seen_at).limit(most)).all()


def use_state(session: Session, state_hash: str, now: datetime) -> bool:
    """Note that a state came back; False when it did before."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    used = insert(UsedState).values(state_hash=state_hash, used_at=now).on_conflict_do_nothing()
    return session.scalar(used.returning(UsedState.state_hash)) is not None


def note_sign_out(session: Session, marks: Collection[str], now: datetime) -> None:
    """Remember that what these marks stand for is over by now."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    rows = [{"state_hash": mark, "used_at": now} for mark in marks]
    again = insert(UsedState).on_conflict_do_update(index_elements=["state_hash"], set_={"used_at": now})
    session.execute(again, rows)


def signed_out_at(session: Session, marks: Collection[str]) -> dict[str, datetime]:
    """When what those of the marks stand for that are known was over."""
    found = session.execute(
        select(UsedState.state_hash, UsedState.used_at).where(UsedState.state_hash.in_(marks))
    )
    return dict(found.all())


def forget_states(session: Session, before: datetime) -> int:
    return rows_of(session.execute(delete(UsedState).where(UsedState.used_at < before)))
