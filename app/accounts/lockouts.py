"""Lockouts and refusals in the trail, and the end of lockouts by an administrator's word.

Limits are counted in memory, request by request. Here, every few seconds and never while a request waits, the trail is
told who was stopped or turned away, and the server is told whom somebody unlocked on the command line.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.accounts import queries
from app.accounts.refused import RefusalClerk
from app.accounts.rules import LOGIN
from app.accounts.sign_in import Door, digest_of
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.audit.service import Subject
from app.database import CALLER_ADDRESS, reading
from app.errors import NotFound
from app.guard.throttle import Throttle
from app.guard.traffic import Lockout
from app.guard.watch import Refusals

LOOK_SECONDS: Final = 3.0
MOST_AT_ONCE: Final = 20
EVENTS_AT_ONCE: Final = 60
EVENTS_PER_SECOND: Final = 1 / 60
"""Strangers with many addresses may begin many lockouts; beyond this the trail is told how many, not which."""

_log = structlog.stdlib.get_logger(__name__)


def unlock(session: Session, login: str) -> None:
    """Let somebody try to sign in again at once, at every running server. Raises `NotFound`."""
    person = queries.person_by_login(session, login) if LOGIN.fullmatch(login) else None
    if person is None:
        raise NotFound("person.not_found", "No such person", f"Nobody has the login {login}.")
    queries.put_unlock(session, login, datetime.now(UTC))
    audit.note(session, Act.ACCOUNT_UNLOCKED, person.county_id, None, Subject("person", person.id))


class LockoutClerk:
    """Writes lockouts and refusals to the trail, and ends those lockouts that somebody was told to end."""

    def __init__(self, door: Door, refusals: Refusals) -> None:
        self._door = door
        self._refusals = RefusalClerk(door.factory, refusals)
        self._since = datetime.now(UTC)
        self._pace = Throttle(burst=EVENTS_AT_ONCE, per_second=EVENTS_PER_SECOND)
        self._left_out = 0

    async def work(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await run_in_threadpool(self.look, time.monotonic())
            except SQLAlchemyError as error:
                _log.error("the database is away, lockouts are not noted", error=type(error).__name__)

    def look(self, now: float) -> None:
        """Write what began since the last time, and unlock whom somebody said to; `now` is in seconds."""
        taken, left_out = self._door.traffic.lockouts.take(MOST_AT_ONCE)
        self._left_out += left_out
        for lockout in taken:
            if self._pace.wait(None, now) > 0:
                self._left_out += 1
            else:
                self._write(lockout)
        self._refusals.look(now)
        with reading(self._door.factory) as session:
            for each in queries.unlocks_since(session, self._since):
                self._door.limits.unlock(each.login)
                self._since = each.at

    def _write(self, lockout: Lockout) -> None:
        facts: dict[str, object] = {"limit": lockout.limit}
        if lockout.lesson_id is not None:
            facts["lesson_id"] = lockout.lesson_id
        if self._left_out:
            facts["others_not_noted"] = self._left_out
        with self._door.factory.begin() as session:
            session.info[CALLER_ADDRESS] = lockout.address
            chain, subject = lockout.county_id or SERVER_CHAIN, None
            if lockout.login is not None:
                known = LOGIN.fullmatch(lockout.login)
                person = queries.person_by_login(session, lockout.login) if known else None
                if person is None:
                    facts["unknown_login"] = digest_of(self._door.keys, lockout.login)
                else:
                    chain, subject = person.county_id, Subject("person", person.id)
            audit.note(session, Act.LOCKOUT_BEGAN, chain, lockout.person_id, subject, after=facts)
        self._left_out = 0
