"""The tasks of the running server that tell what happened: one takes up changes, the others deliver and mail them.

What waits is in the database, so nothing is lost when the server dies, and each step that is done twice is seen to
be done already. Several servers may keep an outbox on one database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from app.database import SessionFactory, reading
from app.keys import Keys
from app.lessons import news
from app.mail import Letter, MailError, MailRefused, MailServer
from app.notices import delivering, mailing, spreading
from app.notices.delivering import Attempt
from app.notices.mailing import Post
from app.notices.posting import Outcome, Poster
from app.notices.retrying import DeliveryState
from app.notices.signing import headers_of
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

EVERY: Final = timedelta(seconds=2)
"""So often it looks whether there is something to do; one statement on an index."""
AFTER_FAILURE: Final = timedelta(seconds=15)
_LONGEST_ROUND: Final = timedelta(seconds=20)
_DICE: Final = Random()

Round = Callable[[], Awaitable[None]]


class Outbox:
    """Keeps one server's outbox going."""

    def __init__(
        self,
        factory: SessionFactory,
        registry: CollectorRegistry,
        keys: Keys,
        poster: Poster,
        mail: MailServer | None = None,
        origin: str = "",
        every: timedelta = EVERY,
        chance: Callable[[], float] = _DICE.random,
    ) -> None:
        self._factory = factory
        self._keys = keys
        self._poster = poster
        self._mail = mail
        self._origin = origin
        self._every = every
        self._chance = chance
        self._waiting = Gauge(
            "tongtang_outbox_waiting", "What waits to be told or delivered", ["what"], registry=registry
        )
        self._dead = Gauge(
            "tongtang_outbox_dead",
            "Deliveries to webhooks that were given up and are kept",
            registry=registry,
        )
        self._spread = Counter(
            "tongtang_outbox_changes", "Changes of lessons that people were told of", registry=registry
        )
        self._attempts = Counter(
            "tongtang_outbox_attempts", "Attempts to deliver to webhooks", ["result"], registry=registry
        )
        self._letters = Counter(
            "tongtang_outbox_letters", "Letters with notices", ["result"], registry=registry
        )
        self._failures = Counter(
            "tongtang_outbox_failures", "Rounds of the outbox that failed", registry=registry
        )
        for result in DeliveryState:
            self._attempts.labels(_RESULTS[result])
            self._letters.labels(_RESULTS[result])

    async def keep(self) -> None:
        """Tell and deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self.spread, self.deliver, *([self.send] if self._mail else [])):
                group.create_task(self._keep(work), name=f"outbox {work.__name__}")

    async def _keep(self, work: Round) -> None:
        """Do it again and again; what fails is one log line, and tried again."""
        while True:
            wait = self._every
            try:
                await work()
            except Exception as error:
                # The kind of error only: messages of a database quote the values of the row they are about.
                _log.error("outbox failed, will be tried again", error=type(error).__name__)
                _log.debug("why the outbox failed", exc_info=True)
                self._failures.inc()
                wait = AFTER_FAILURE
            await asyncio.sleep(wait.total_seconds() * (0.5 + self._chance()))

    async def spread(self) -> None:
        """Tell people, and put down for webhooks, all that waits now."""
        await finish_in_threadpool(self._spread_all)

    async def deliver(self) -> None:
        """Make all attempts that are due now, or are before the last of them was answered; none waits for another."""
        under_way: dict[asyncio.Task[Outcome], Attempt] = {}
        try:
            while True:
                for attempt in await finish_in_threadpool(self._claim, list(under_way.values())):
                    under_way[asyncio.create_task(self._post(attempt))] = attempt
                if not under_way:
                    return
                answered, _ = await asyncio.wait(
                    under_way, timeout=self._every.total_seconds(), return_when=asyncio.FIRST_COMPLETED
                )
                made = [(under_way.pop(task), task.result()) for task in answered]
                if made:
                    await finish_in_threadpool(self._settle, made)
        finally:  # what was not noted is tried again once its lease has ended
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def send(self) -> None:
        """Mail all letters that are due now."""
        while posts := await finish_in_threadpool(self._claim_letters):
            await finish_in_threadpool(self._send, posts)

    def _spread_all(self) -> None:
        while self._count_changes():
            with self._factory.begin() as session:
                taken = spreading.spread(session, datetime.now(UTC), mail=self._mail is not None)
            self._spread.inc(taken)
            if not taken:  # another server is at it
                return

    def _count_changes(self) -> int:
        with reading(self._factory) as session:
            count = news.waiting(session)
        self._waiting.labels("changes").set(count)
        return count

    def _claim(self, under_way: Sequence[Attempt]) -> Sequence[Attempt]:
        now = datetime.now(UTC)
        with reading(self._factory) as session:
            due = delivering.anything_due(session, now)
            counts = delivering.counts(session)
        self._waiting.labels("webhooks").set(counts.get(DeliveryState.WAITING, 0))
        self._dead.set(counts.get(DeliveryState.DEAD, 0))
        if not due:
            return ()
        with self._factory.begin() as session:
            return delivering.claim(session, now, under_way)

    async def _post(self, attempt: Attempt) -> Outcome:
        headers = headers_of(
            self._keys, attempt.webhook_id, attempt.delivery_id, attempt.body, datetime.now(UTC)
        )
        return await self._poster.post(attempt.url, headers, attempt.body)

    def _settle(self, made: Sequence[tuple[Attempt, Outcome]]) -> None:
        now = datetime.now(UTC)
        with self._factory.begin() as session:
            states = [
                delivering.settle(session, attempt, outcome, now, self._chance()) for attempt, outcome in made
            ]
        for state in states:
            if state is not None:
                self._attempts.labels(_RESULTS[state]).inc()

    def _claim_letters(self) -> Sequence[Post]:
        now = datetime.now(UTC)
        with reading(self._factory) as session:
            due = mailing.anything_due(session, now)
            self._waiting.labels("mail").set(mailing.waiting(session))
        if not due:
            return ()
        with self._factory.begin() as session:
            return mailing.claim(session, now, self._origin)

    def _send(self, posts: Sequence[Post]) -> None:
        """One after the other, for so long: a server that hangs must not keep ours from ending."""
        end = time.monotonic() + _LONGEST_ROUND.total_seconds()
        for post in posts:
            problem, final = "the mail server is too slow", False
            if time.monotonic() < end:
                problem, final = self._deliver(post)
            with self._factory.begin() as session:
                state = mailing.settle(session, post, problem[:100], final, datetime.now(UTC), self._chance())
            self._letters.labels(_RESULTS[state]).inc()

    def _deliver(self, post: Post) -> tuple[str, bool]:
        """Why the letter was not taken, if it was not, and whether trying again is of no use."""
        assert self._mail is not None
        try:
            self._mail.deliver(Letter(post.address, post.subject, post.text, str(post.letter_ids[0])))
        except MailError as error:
            return str(error), isinstance(error, MailRefused)
        return "", False


_RESULTS: Final = {
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.WAITING: "failed",
    DeliveryState.DEAD: "given_up",
}
