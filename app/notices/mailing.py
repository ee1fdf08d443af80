"""Notices by mail, for those who want that and have proved an address: put down, gathered for a minute, sent.

The same steps as deliveries to webhooks, each a transaction; what is tried again carries the same Message-ID. Whoever
is told of several things at once gets one letter.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.rules import Principal
from app.feeds.rules import Language
from app.notices import mail_queries as queries
from app.notices.models import Notice, NoticeLetter, NoticeSettings
from app.notices.retrying import DeliveryState, pause
from app.notices.service import say
from app.notices.wording import Words

GATHER: Final = timedelta(minutes=1)
"""So long a letter waits for more to be told."""
LEASE: Final = timedelta(minutes=15)
AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Post:
    """A letter that is ours to send, until its lease ends."""

    letter_ids: tuple[UUID, ...]
    person_id: UUID
    address: str
    subject: str
    text: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody wants to be told."""

    mail: bool
    language: Language
    address: str | None
    """Where letters go: the address they have proved to be theirs, if any."""


def settings_of(session: Session, principal: Principal) -> Wish:
    """How one wants to be told; by mail only if one says so."""
    return _wish(session, _row(session, principal))


def put_settings(session: Session, principal: Principal, mail: bool, language: Language) -> Wish:
    """Say how one wants to be told."""
    row = _row(session, principal)
    row.mail, row.language = mail, language
    session.add(row)
    session.flush()
    return _wish(session, row)


def _row(session: Session, principal: Principal) -> NoticeSettings:
    found = queries.settings(session, [principal.person_id])
    return found.get(principal.person_id) or NoticeSettings(
        person_id=principal.person_id, mail=False, language=Language.CHINESE
    )


def _wish(session: Session, row: NoticeSettings) -> Wish:
    return Wish(row.mail, row.language, accounts.mail_addresses(session, [row.person_id]).get(row.person_id))


def put_down(session: Session, notices: Sequence[Notice], now: datetime) -> None:
    """Let those who want it be told by mail, in the transaction that makes their notices."""
    wanted = {
        person_id
        for person_id, each in queries.settings(session, {each.person_id for each in notices}).items()
        if each.mail
    }
    reachable = accounts.mail_addresses(session, wanted).keys()
    session.add_all(
        NoticeLetter(
            notice_id=each.id,
            person_id=each.person_id,
            state=DeliveryState.WAITING,
            attempts=0,
            created_at=now,
            next_at=now + GATHER,
        )
        for each in notices
        if each.person_id in reachable
    )
    session.flush()


def claim(session: Session, now: datetime, origin: str) -> list[Post]:
    """Letters to be sent by whoever asks; that they are tried is written down before they are."""
    by_person: dict[UUID, list[NoticeLetter]] = defaultdict(list)
    for letter in queries.claim(session, now, now + LEASE, AT_ONCE):
        by_person[letter.person_id].append(letter)
    addresses = accounts.mail_addresses(session, by_person.keys())
    wishes = queries.settings(session, by_person.keys())
    posts = []
    for person_id, letters in by_person.items():
        wish = wishes.get(person_id)
        if person_id in addresses and wish is not None and wish.mail:
            posts.append(_post(session, addresses[person_id], letters, wish.language, origin))
        else:
            ids = [each.id for each in letters]
            values = {
                "state": DeliveryState.DEAD,
                "done_at": now,
                "problem": queries.UNWANTED,
            }
            queries.settle(session, ids, values)
    return posts


def settle(
    session: Session, post: Post, problem: str, final: bool, now: datetime, chance: float
) -> DeliveryState:
    """Write down how it went: no problem means that the mail server took it."""
    wait = None if not problem or final else pause(post.attempts, chance)
    if wait is not None:
        queries.settle(session, post.letter_ids, {"next_at": now + wait, "problem": problem})
        return DeliveryState.WAITING
    state = DeliveryState.DEAD if problem else DeliveryState.DELIVERED
    queries.settle(session, post.letter_ids, {"state": state, "done_at": now, "problem": problem or None})
    return state


def anything_due(session: Session, now: datetime) -> bool:
    """Whether there is something to claim."""
    return queries.anything_due(session, now)


def waiting(session: Session) -> int:
    """How many notices wait to be mailed."""
    return queries.waiting(session)


def _post(
    session: Session, address: str, letters: Sequence[NoticeLetter], language: Language, origin: str
) -> Post:
    notices = queries.notices(session, [each.notice_id for each in letters])
    subject, text = written(say(session, notices, language), language, origin)
    return Post(
        letter_ids=tuple(sorted((each.id for each in letters), key=str)),
        person_id=letters[0].person_id,
        address=address,
        subject=subject,
        text=text,
        attempts=max(each.attempts for each in letters),
    )


def written(said: Sequence[Words], language: Language, origin: str) -> tuple[str, str]:
    """Subject and text of a letter."""
    many, footer = _WORDS[language]
    subject = said[0].title if len(said) == 1 else many.format(count=len(said))
    parts: Iterable[str] = ("\n".join((each.title, *each.lines)) for each in said)
    return subject, "\n\n".join([*parts, footer.format(origin=origin)]) + "\n"


_WORDS: Final = {
    Language.CHINESE: (
        "{count} 条课次通知",
        "--\n同堂 Tongtang · {origin}\n不想再收到邮件,可在该网站的通知设置中关闭。",
    ),
    Language.ENGLISH: (
        "{count} notices of your lessons",
        "--\nTongtang · {origin}\nTo get no more mail, switch it off in the notice settings there.",
    ),
}
