"""Changing the keys that sign tokens: on command, and by itself when a key has signed for long enough."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.database import SessionFactory
from app.keyring import RingFile, SigningKey
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

LOOK_SECONDS: Final = 600.0


def rotate(session: Session, ring: RingFile, now: datetime, *, at_once: bool = False) -> SigningKey:
    """Let a new key sign, and note it; `at_once` voids all that older ones signed."""
    key = ring.rotate(now, at_once=at_once)
    _note(session, key, by_itself=False, at_once=at_once)
    return key


def rotate_if_due(factory: SessionFactory, ring: RingFile, days: int, now: datetime) -> SigningKey | None:
    """Let a new key sign if the newest one has done so for this many days."""
    key = ring.rotate_if_older(timedelta(days=days), now)
    if key is not None:
        _log.info("a new key signs tokens", kid=key.kid)
        with factory.begin() as session:
            _note(session, key, by_itself=True, at_once=False)
    return key


async def keep_rotating(factory: SessionFactory, ring: RingFile, days: int) -> None:
    """Look from time to time, for as long as the server is up."""
    while True:
        try:
            await finish_in_threadpool(rotate_if_due, factory, ring, days, datetime.now(UTC))
        except (OSError, SQLAlchemyError) as error:
            _log.error("the keys could not be changed, will try again", error=str(error))
        await asyncio.sleep(LOOK_SECONDS)


def _note(session: Session, key: SigningKey, *, by_itself: bool, at_once: bool) -> None:
    facts = {"kid": key.kid, "by_itself": by_itself, "older_void": at_once}
    audit.note(session, Act.KEYS_ROTATED, SERVER_CHAIN, None, after=facts)
