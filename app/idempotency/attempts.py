"""One POST with a key, from its first statement to its commit.

The session of the request is lent by the attempt (`app.database.get_session`), which ends its transaction only when the
answer is known: what was done and that it was done are committed together. A server that dies in between has done
nothing, and the next try does it. What is refused is not kept either: it may go well the next time.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, TooManyRequests
from app.idempotency import queries
from app.idempotency.rules import KEPT_FOR, KEPT_HEADERS, MOST_BODY, MOST_KEYS, Answer, Request

ATTEMPT: Final = "tongtang.attempt"
"""Key in a request's scope: its `Attempt`, if it has a key."""


class Running:
    """The requests with a key that this process is doing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[tuple[UUID, str]] = set()

    def begin(self, person_id: UUID, key: str) -> bool:
        """Whether it was not running yet."""
        with self._lock:
            before = len(self._running)
            self._running.add((person_id, key))
            return len(self._running) > before

    def end(self, person_id: UUID, key: str) -> None:
        """It is over, however it went."""
        with self._lock:
            self._running.discard((person_id, key))


class Attempt:
    """Doing a request with a key, if it has not been done."""

    def __init__(self, request: Request, running: Running) -> None:
        self.answer: Answer | None = None
        """What the request was answered when it was done, before this attempt."""
        self._request = request
        self._running = running
        self._person_id: UUID | None = None
        self._keeps_body = True
        self._claimed = False
        self._session: Session | None = None

    def asked_by(self, person_id: UUID, keeps_body: bool) -> None:
        """Who asks, as the gate found out, and whether the answer may be kept; raises `Conflict` while it is done."""
        if not self._running.begin(person_id, self._request.key):
            raise _running()
        self._person_id, self._keeps_body = person_id, keeps_body

    @contextmanager
    def lend(self, make: Callable[[], Session]) -> Iterator[Session]:
        """The session for the request, whose transaction is not ended with the block unless it fails."""
        session = make()
        # The first statement comes when it is known who asks; what was done already does nothing a second time.
        event.listen(session, "after_begin", self._claim)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self._session = session

    def _claim(self, _session: Session, _transaction: object, connection: Connection) -> None:
        if self._person_id is None or self._claimed:
            return
        self._claimed = True
        if not queries.alone(connection, self._person_id, self._request):
            raise _running()
        done = queries.done(connection, self._person_id, self._request)
        if done is not None and done.created_at > datetime.now(UTC) - KEPT_FOR:
            if done.request_hash != self._request.fingerprint:
                raise _other_request()
            self.answer = Answer(done.status, done.headers, done.body)
            raise _done_already(done.created_at, done.headers.get("location"))
        if done is not None:
            queries.forget(connection, self._person_id, self._request)
        elif queries.count(connection, self._person_id) >= MOST_KEYS:
            raise _too_many()

    def finish(self, answer: Answer, may_keep: bool) -> None:
        """Commit what was done, with its answer."""
        if self._session is None:
            return
        with self._session as session:
            if self._claimed and self._person_id is not None and 200 <= answer.status < 300:
                headers = {name: value for name, value in answer.headers.items() if name in KEPT_HEADERS}
                short = answer.body is not None and len(answer.body) <= MOST_BODY
                body = answer.body if may_keep and self._keeps_body and short else None
                kept = Answer(answer.status, headers, body)
                queries.keep(session, self._person_id, self._request, kept, datetime.now(UTC))
            session.commit()

    def end(self) -> None:
        """Undo what was not finished, and let others try."""
        if self._session is not None:
            self._session.close()
        if self._person_id is not None:
            self._running.end(self._person_id, self._request.key)


def forget_expired(session: Session, now: datetime) -> int:
    """Delete what is not kept any longer; returns how many."""
    return queries.forget_older(session, now - KEPT_FOR)


def _running() -> Conflict:
    return Conflict(
        "idempotency.running",
        "Being done",
        "A request with this key is being done now; ask again in a moment.",
        headers={"Retry-After": "1"},
    )


def _other_request() -> Invalid:
    return Invalid(
        "idempotency.key_reused",
        "Key of another request",
        "This key was sent with another request; every request needs a key of its own.",
    )


def _done_already(when: datetime, location: str | None) -> Conflict:
    extra: dict[str, Any] = {"done_at": when.isoformat()}
    if location is not None:
        extra["location"] = location
    return Conflict(
        "idempotency.answer_not_kept",
        "Done already",
        "This was done, and nothing was done again; the answer is not kept because it is secret, personal or long.",
        **extra,
    )


def _too_many() -> TooManyRequests:
    return TooManyRequests(
        "idempotency.too_many_keys",
        "Too many keys",
        f"{MOST_KEYS} keys of yours are kept for a day; go on without one, or later.",
        headers={"Retry-After": "3600"},
    )
