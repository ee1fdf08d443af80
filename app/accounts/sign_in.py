"""Signing in: the one place that checks passwords. No transaction is open while one is hashed."""

import hashlib
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.accounts import queries
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


async def sign_in(door: Door, login: str, password: str, address: str) -> Person:
    """The person with this login and password.

    Raises `Unauthenticated`, `TooManyRequests`, or `Unavailable` when too many sign in at once. Good and refused
    attempts are noted in the trail; those beyond the bounds are counted and not even looked at.
    """
    login = login.strip().lower()[:64]
    _count_attempt(door, login, address)
    person = await run_in_threadpool(_person_by_login, door.factory, login)
    stored = person.password_hash if person and person.active else None
    check = await door.desk.check(password, stored)
    await run_in_threadpool(_note, door, person, login, check, address)
    _count_result(door, login, address, check.matches)
    if person is None or not check.matches:
        raise Unauthenticated("sign_in.refused", "Sign-in refused", "The login or the password is wrong.")
    return person


async def change_own_password(door: Door, principal: Principal, old: str, new: str, address: str) -> None:
    """Another password for somebody who knows the old one, which is guessed at no more often than at the door."""
    person = await run_in_threadpool(_person_of, door.factory, principal)
    require_strong(new, person.login, person.name)
    if new == old:
        raise Invalid("password.same", "The same password", "Choose a password other than the old one.")
    _count_attempt(door, person.login, address)
    check = await door.desk.check(old, person.password_hash)
    _count_result(door, person.login, address, check.matches)
    if not check.matches:
        await run_in_threadpool(_note, door, person, person.login, check, address)
        raise Forbidden("password.wrong", "Wrong password", "The old password is wrong.")
    hashed = await door.desk.hash(new)
    await run_in_threadpool(_change, door, principal, person.password_hash, hashed, address)


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


def _change(door: Door, principal: Principal, old_hash: str, new_hash: str, address: str) -> None:
    with door.factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        change_password(session, principal, old_hash, new_hash)


def _person_by_login(factory: SessionFactory, login: str) -> Person | None:
    if not LOGIN.fullmatch(login):  # nobody's, and perhaps nothing a database takes
        return None
    with reading(factory) as session:
        return queries.person_by_login(session, login)


def _note(door: Door, person: Person | None, login: str, check: Check, address: str) -> None:
    with door.factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        if person is None:
            _note_stranger(session, door.keys, login)
            return
        act = Act.SIGN_IN_ACCEPTED if check.matches else Act.SIGN_IN_REFUSED
        who = person.id if check.matches else None
        audit.note(session, act, person.county_id, who, Subject("person", person.id))
        if check.renewed is not None:
            queries.renew_hash(session, person.id, person.password_hash, check.renewed)


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
