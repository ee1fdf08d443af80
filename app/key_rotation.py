"""Changing the keys that sign tokens: on command, and by itself when a key has signed for long enough."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.database import SessionFactory
from app.keyring import RingFile, SigningKey

_log = structlog.stdlib.get_logger(__name__)


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


def _note(session: Session, key: SigningKey, *, by_itself: bool, at_once: bool) -> None:
    facts = {"kid": key.kid, "by_itself": by_itself, "older_void": at_once}
    audit.note(session, Act.KEYS_ROTATED, SERVER_CHAIN, None, after=facts)
