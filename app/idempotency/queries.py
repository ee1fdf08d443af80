"""SQL of requests with a key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, text
from sqlalchemy.orm import Session

from app.database import rows_of
from app.idempotency.models import IdempotencyKey
from app.idempotency.rules import Answer, Request

_TABLE = IdempotencyKey.__table__
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:number)")


def alone(connection: Connection, person_id: UUID, request: Request) -> bool:
    """Whether nobody else does the same now, and keep others from it until the transaction ends.

    On SQLite whoever writes has waited for all others already.
    """
    if connection.dialect.name != "postgresql":
        return True
    number = (person_id.int ^ int(request.key[:16], 16)) & (1 << 63) - 1
    return bool(connection.scalar(_TRY_LOCK, {"number": number}))


def _this(person_id: UUID, request: Request) -> tuple[ColumnElement[bool], ...]:
    return IdempotencyKey.person_id == person_id, IdempotencyKey.key_hash == request.key


def done(
    connection: Connection, person_id: UUID, request: Request
) -> Row[str, datetime, int, dict[str, str], str | None] | None:
    columns = select(
        IdempotencyKey.request_hash,
        IdempotencyKey.created_at,
        IdempotencyKey.status,
        IdempotencyKey.headers,
        IdempotencyKey.body,
    )
    return connection.execute(columns.where(*_this(person_id, request))).one_or_none()


def count(connection: Connection, person_id: UUID) -> int:
    query = select(func.count()).select_from(_TABLE).where(IdempotencyKey.person_id == person_id)
    return connection.scalar(query) or 0


def forget(connection: Connection, person_id: UUID, request: Request) -> None:
    connection.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.person_id == person_id, IdempotencyKey.key_hash == request.key
        )
    )


def keep(session: Session, person_id: UUID, request: Request, answer: Answer, now: datetime) -> None:
    session.execute(
        insert(IdempotencyKey).values(
            person_id=person_id,
            key_hash=request.key,
            request_hash=request.fingerprint,
            created_at=now,
            status=answer.status,
            headers=dict(answer.headers),
            body=answer.body,
        )
    )


def forget_older(session: Session, moment: datetime) -> int:
    return rows_of(session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < moment)))
