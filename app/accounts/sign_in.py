"""Signing in: the one place that sees passwords. No transaction is open while one is hashed."""

import hashlib
import uuid

from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.limiter import AttemptLimiter
from app.accounts.models import Person
from app.accounts.passwords import password_matches
from app.accounts.rules import LOGIN
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.audit.service import Subject
from app.database import CALLER_ADDRESS, SessionFactory, reading
from app.errors import TooManyRequests, Unauthenticated
from app.keys import Keys


def sign_in(
    factory: SessionFactory,
    keys: Keys,
    limiter: AttemptLimiter,
    login: str,
    password: str,
    address: str,
    now: float,
) -> Person:
    """The person with this login and password; raises `Unauthenticated` or `TooManyRequests`.

    Good and refused attempts are noted in the trail; those beyond the bound are not even looked at.
    """
    login = login.strip().lower()
    key = f"{address} {login[:64]}"
    if wait := limiter.attempt(key, now):
        raise TooManyRequests(
            "sign_in.too_many",
            "Too many attempts",
            f"Too many attempts to sign in; try again in {wait:.0f} s.",
            headers={"Retry-After": str(int(wait) + 1)},
        )
    person = _person_by_login(factory, login)
    matches = password_matches(password, person.password_hash if person and person.active else None)
    with factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        if person is not None and matches:
            _note(session, Act.SIGN_IN_ACCEPTED, person.county_id, person.id, person.id)
        else:
            _note_refusal(session, keys, person, login)
    if person is None or not matches:
        raise Unauthenticated("sign_in.refused", "Sign-in refused", "The login or the password is wrong.")
    limiter.succeeded(key)
    return person


def _person_by_login(factory: SessionFactory, login: str) -> Person | None:
    if not LOGIN.fullmatch(login):  # nobody's, and perhaps nothing a database takes
        return None
    with reading(factory) as session:
        return queries.person_by_login(session, login)


def _note_refusal(session: Session, keys: Keys, person: Person | None, login: str) -> None:
    if person is not None:
        _note(session, Act.SIGN_IN_REFUSED, person.county_id, None, person.id)
        return
    # What was typed may be a password in the wrong field, so it is not kept; equal ones are told by the digest.
    digest = hashlib.blake2b(login.encode("utf-8", "replace"), key=keys.signing, digest_size=8).hexdigest()
    audit.note(session, Act.SIGN_IN_REFUSED, SERVER_CHAIN, None, after={"unknown_login": digest})


def _note(session: Session, act: Act, county_id: uuid.UUID, who: uuid.UUID | None, whose: uuid.UUID) -> None:
    audit.note(session, act, county_id, who, Subject("person", whose))
