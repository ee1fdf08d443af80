"""Deliveries to webhooks: put down with the change's other notices, tried, and what became of them.

Each step is a transaction. An attempt is written down before it is made, with a lease: who dies in the middle of it
has it tried again, with the same id, so a receiver may get a delivery twice but never not at all.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.database import new_id
from app.lessons.news import News
from app.notices import webhook_queries as queries
from app.notices.models import Delivery
from app.notices.posting import Outcome
from app.notices.retrying import DeliveryState, pause

AT_ONCE: Final = 32
OF_COUNTY: Final = 16
OF_ONE: Final = 4
"""Attempts that a server has under way: all, those of one county, and those of one webhook. So neither a receiver that
hangs nor all those of a county keep others waiting."""
LARGEST: Final = 200_000
"""Letters of one body; an act that changed more comes in several deliveries."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery that is ours to make, until its lease ends."""

    delivery_id: UUID
    webhook_id: UUID
    county_id: UUID
    url: str
    body: bytes
    number: int


def put_down(session: Session, county_id: UUID, news: Sequence[News], now: datetime) -> None:
    """Let every webhook of the county be told, in the transaction that takes the changes."""
    webhooks = queries.webhooks_of(session, county_id)
    if not webhooks:
        return
    for body in _bodies(county_id, news, now):
        session.add_all(delivery_of(each.id, body, now) for each in webhooks)
    session.flush()


def delivery_of(webhook_id: UUID, body: str, now: datetime) -> Delivery:
    """A delivery that waits for its first attempt."""
    return Delivery(
        id=new_id(),
        webhook_id=webhook_id,
        body=body,
        state=DeliveryState.WAITING,
        attempts=0,
        created_at=now,
        next_at=now,
    )


def body_of(kind: str, county_id: UUID, now: datetime, data: Mapping[str, Any]) -> str:
    """What is sent: the kind of event, when, and its data."""
    event = {"type": kind, "timestamp": now.isoformat(), "county_id": str(county_id), "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def claim(session: Session, now: datetime, under_way: Sequence[Attempt] = ()) -> Sequence[Attempt]:
    """Attempts to be made by whoever asks, beside those they have under way; written down before they are."""
    if len(under_way) >= AT_ONCE:
        return ()
    most = queries.Most(
        AT_ONCE - len(under_way),
        OF_COUNTY,
        OF_ONE,
        Counter(each.county_id for each in under_way),
        Counter(each.webhook_id for each in under_way),
    )
    return [
        Attempt(each.id, hook.id, hook.county_id, hook.url, each.body.encode(), each.attempts)
        for each, hook in queries.claim(session, now, most)
    ]


def settle(
    session: Session, attempt: Attempt, outcome: Outcome, now: datetime, chance: float
) -> DeliveryState | None:
    """Write down how an attempt went; None when it is settled already, by another one of a later lease."""
    said: dict[str, Any] = {"status": outcome.status, "problem": outcome.problem}
    if outcome.delivered:
        said |= {"state": DeliveryState.DELIVERED, "done_at": now}
        written = queries.settle(session, attempt.delivery_id, None, said)
        return DeliveryState.DELIVERED if written else None
    wait = None if outcome.final else pause(attempt.number, chance)
    if wait is None:
        said |= {"state": DeliveryState.DEAD, "done_at": now}
    else:
        said |= {"next_at": now + wait}
    written = queries.settle(session, attempt.delivery_id, attempt.number, said)
    state = DeliveryState.DEAD if wait is None else DeliveryState.WAITING
    return state if written else None


def anything_due(session: Session, now: datetime) -> bool:
    """Whether there is something to claim."""
    return queries.anything_due(session, now)


def counts(session: Session) -> Mapping[DeliveryState, int]:
    """How many deliveries wait, and how many were given up."""
    return queries.counts(session)


def forget(session: Session, now: datetime, kept: timedelta) -> int:
    """Delete deliveries that were done, one way or the other, long ago; says how many."""
    return queries.forget_done(session, now - kept)


def _bodies(county_id: UUID, news: Sequence[News], now: datetime) -> Iterator[str]:
    """The changes of each act, in as few bodies as their size allows."""
    acts: dict[UUID, list[dict[str, Any]]] = {}
    sizes: dict[UUID, int] = defaultdict(int)
    for each in news:
        act_id, change = each.change.act_id, _change(each)
        size = len(json.dumps(change))
        if act_id in acts and sizes[act_id] + size > LARGEST:
            yield _body(county_id, act_id, acts.pop(act_id), now)
            sizes[act_id] = 0
        acts.setdefault(act_id, []).append(change)
        sizes[act_id] += size
    for act_id, changes in acts.items():
        yield _body(county_id, act_id, changes, now)


def _body(county_id: UUID, act_id: UUID, changes: Sequence[Mapping[str, Any]], now: datetime) -> str:
    return body_of("lessons.changed", county_id, now, {"act_id": str(act_id), "changes": changes})


def _change(news: News) -> dict[str, Any]:
    change = news.change
    return {
        "id": str(change.id),
        "kind": change.kind.value,
        "lesson_id": str(change.lesson_id) if change.lesson_id else None,
        "entry_id": str(change.entry_id) if change.entry_id else None,
        "sequence": change.sequence,
        "at": change.at.isoformat(),
        "reason": change.reason,
        "before": news.before,
        "after": news.after,
    }
