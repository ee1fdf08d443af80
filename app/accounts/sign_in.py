"""Signing in: the one place that checks passwords. No transaction is open while one is hashed."""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.accounts import factor_queries, factors, queries
from app.accounts.limiter import SignInLimits
from app.accounts.managing import change_password
from app.accounts.models import Person
from app.accounts.passwords import Check, PasswordDesk, require_strong
from app.accounts.rules import LOGIN, Principal
from app.accounts.service import get_person
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.audit.service import Subject
from app.database import CALLER_ADDRESS, SessionFactory, reading
from app.errors import Forbidden, Invalid, TooManyRequests, Unauthenticated
from app.guard.traffic import Limit, Traffic
from app.keys import Keys


class Result(StrEnum):
    """How an attempt to sign in ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    CODE_NEEDED = "code_needed"
    CODE_WRONG = "code_wrong"


@dataclass(frozen=True)
class Door:
    """What signing in needs."""

    factory: SessionFactory
    keys: Keys
    registry: CollectorRegistry
    traffic: Traffic
    limits: SignInLimits = field(default_factory=SignInLimits)
    desk: PasswordDesk = field(default_factory=PasswordDesk)
    attempts: Counter = field(init=False)

    def __post_init__(self) -> None:
        words = "Attempts to sign in, by how they ended"
        counter = Counter("tongtang_sign_ins", words, ["result"], registry=self.registry)
        object.__setattr__(self, "attempts", counter)


async def sign_in(door: Door, login: str, password: str, address: str, code: str = "") -> Person:
    """The person with this login and password, and a code of their second factor if they have one.

    Raises `Unauthenticated`, `TooManyRequests`, or `Unavailable` when too many sign in at once. Good and refused
    attempts are noted in the trail; those beyond the bounds are counted and not even looked at.
    """
    login = login.strip().lower()[:64]
    _count_attempt(door, login, address)
    person = await run_in_threadpool(_person_by_login, door.factory, login)
    stored = person.password_hash if person and person.active else None
    check = await door.desk.check(password, stored)
    result = await run_in_threadpool(_decide, door, person, login, check, code, address)
    if result is Result.CODE_NEEDED:
        door.attempts.labels("code_needed").inc()
        raise Unauthenticated(
            "sign_in.code_needed", "Code needed", "Send a code of your app, or a recovery code, too."
        )
    _count_result(door, login, address, result is Result.ACCEPTED)
    if result is Result.CODE_WRONG:
        raise wrong_code()
    if person is None or result is not Result.ACCEPTED:
        raise Unauthenticated("sign_in.refused", "Sign-in refused", "The login or the password is wrong.")
    return person


async def require_own_password(door: Door, principal: Principal, password: str, address: str) -> Person:
    """Raise `Forbidden` unless somebody who is signed in knows the password, too."""
    person = await run_in_threadpool(_person_of, door.factory, principal)
    await _check_own(door, person, password, address)
    return person


async def require_code(door: Door, person_id: uuid.UUID, code: str, address: str) -> None:
    """Raise `Unauthenticated` unless the code is right, for somebody for whom the identity provider vouched.

    It is guessed at no more often than with a password, and noted like a sign-in.
    """
    person = await run_in_threadpool(_person_by_id, door.factory, person_id)
    _count_attempt(door, person.login, address)
    result = await run_in_threadpool(_decide, door, person, person.login, Check(True), code or "?", address)
    _count_result(door, person.login, address, result is Result.ACCEPTED)
    if result is not Result.ACCEPTED:
        raise wrong_code()


def wrong_code() -> Unauthenticated:
    """The refusal of a code at the door."""
    return Unauthenticated(
        "sign_in.code_wrong", "Wrong code", "The code is wrong or was used before; wait for the next one."
    )


@contextmanager
def guarded(door: Door, who: str, address: str) -> Iterator[None]:
    """Bound how often somebody who is signed in guesses at a code: a refusal inside counts as a wrong attempt."""
    _count_attempt(door, who, address)
    try:
        yield
    except Invalid:
        door.limits.refused(who, address)
        raise
    door.limits.accepted(who, address)


async def change_own_password(door: Door, principal: Principal, old: str, new: str, address: str) -> None:
    """Another password for somebody who knows the old one, which is guessed at no more often than at the door."""
    person = await run_in_threadpool(_person_of, door.factory, principal)
    require_strong(new, person.login, person.name)
    if new == old:
        raise Invalid("password.same", "The same password", "Choose a password other than the old one.")
    await _check_own(door, person, old, address)
    hashed = await door.desk.hash(new)
    await run_in_threadpool(_change, door, principal, person.password_hash, hashed, address)


async def _check_own(door: Door, person: Person, password: str, address: str) -> None:
    _count_attempt(door, person.login, address)
    check = await door.desk.check(password, person.password_hash)
    _count_result(door, person.login, address, check.matches)
    if not check.matches:
        await run_in_threadpool(_decide, door, person, person.login, check, "", address)
        raise Forbidden("password.wrong", "Wrong password", "The old password is wrong.")


def _count_attempt(door: Door, login: str, address: str) -> None:
    if refusal := door.limits.attempt(login, address):
        wait = refusal.wait
        door.attempts.labels("limited").inc()
        about: dict[str, str] = {"address": address}
        if refusal.limit is not Limit.SIGN_IN_ADDRESS:
            about["login"] = login
        door.traffic.refused(refusal.limit, tuple(about.values()), **about)
        raise TooManyRequests(
            "sign_in.too_many",
            "Too many attempts",
            f"Too many attempts to sign in; try again in {wait:.0f} s.",
            headers={"Retry-After": str(int(wait) + 1)},
        )


def _count_result(door: Door, login: str, address: str, accepted: bool) -> None:
    door.attempts.labels("accepted" if accepted else "refused").inc()
    if accepted:
        door.limits.accepted(login, address)
    else:
        door.limits.refused(login, address)


def _person_of(factory: SessionFactory, principal: Principal) -> Person:
    with reading(factory) as session:
        return get_person(session, principal, principal.person_id)


def _person_by_id(factory: SessionFactory, person_id: uuid.UUID) -> Person:
    with reading(factory) as session:
        person = queries.person_with_assignments(session, person_id)
    if person is None or not person.active:
        raise Unauthenticated("token.no_person", "Account closed", "The account was closed.")
    return person


def _change(door: Door, principal: Principal, old_hash: str, new_hash: str, address: str) -> None:
    with door.factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        change_password(session, principal, old_hash, new_hash)


def _person_by_login(factory: SessionFactory, login: str) -> Person | None:
    if not LOGIN.fullmatch(login):  # nobody's, and perhaps nothing a database takes
        return None
    with reading(factory) as session:
        return queries.person_by_login(session, login)


def _decide(door: Door, person: Person | None, login: str, check: Check, code: str, address: str) -> Result:
    """Whether the second factor is right, too, and note in the trail how it ended."""
    with door.factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        if person is None:
            _note_stranger(session, door.keys, login)
            return Result.REFUSED
        result = _result(session, door.keys, person, check, code)
        if result is Result.CODE_NEEDED:
            return result  # they are asked for it, and come again
        accepted = result is Result.ACCEPTED
        act = Act.SIGN_IN_ACCEPTED if accepted else Act.SIGN_IN_REFUSED
        facts: dict[str, object] | None = {"why": "code"} if result is Result.CODE_WRONG else None
        if accepted and code.strip() and factor_queries.has_second_factor(session, person.id):
            facts = {"second_factor": True}
        who = person.id if accepted else None
        audit.note(session, act, person.county_id, who, Subject("person", person.id), after=facts)
        if check.renewed is not None:
            queries.renew_hash(session, person.id, person.password_hash, check.renewed)
        return result


def _result(session: Session, keys: Keys, person: Person, check: Check, code: str) -> Result:
    if not check.matches:
        return Result.REFUSED
    if not factor_queries.has_second_factor(session, person.id):
        return Result.ACCEPTED
    if not code.strip():
        return Result.CODE_NEEDED
    right = factors.check(session, keys, person.id, code, datetime.now(UTC))
    return Result.ACCEPTED if right else Result.CODE_WRONG


def _note_stranger(session: Session, keys: Keys, login: str) -> None:
    audit.note(
        session, Act.SIGN_IN_REFUSED, SERVER_CHAIN, None, after={"unknown_login": digest_of(keys, login)}
    )


def digest_of(keys: Keys, login: str) -> str:
    """What the trail keeps of a login that nobody has: equal ones are told by it.

    What was typed may be a password in the wrong field, so it is not kept.
    """
    key = keys.derived("unknown logins")
    return hashlib.blake2b(login.encode("utf-8", "replace"), key=key, digest_size=8).hexdigest()
