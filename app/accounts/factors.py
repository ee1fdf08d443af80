"""Use cases of the second factor: an app's one-time codes beside the password, and codes for when the app is gone."""

import base64
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from app.accounts import factor_queries
from app.accounts.digests import digest
from app.accounts.factor_rules import (
    address_of_secret,
    new_recovery_codes,
    new_secret,
    step_of,
    tidy,
)
from app.accounts.managing import managed
from app.accounts.models import RecoveryCode, SecondFactor
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.service import get_person, note_person
from app.audit.rules import Act
from app.errors import Conflict, Invalid, NotFound
from app.keys import Keys

_PURPOSE: Final = "second factors"
_NONCE: Final = 12


class Enrolment(NamedTuple):
    """What an app has to be told once."""

    secret: str
    address: str
    picture: str
    """The address as a QR code: SVG in a `data:` address."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody's second factor is."""

    confirmed: bool
    recovery_codes_left: int


def begin(session: Session, keys: Keys, principal: Principal, now: datetime) -> Enrolment:
    """Make a secret for oneself, which counts once a code of it was shown. The password was asked for before."""
    person = get_person(session, principal, principal.person_id)
    row = factor_queries.second_factor(session, person.id)
    if row is not None and row.confirmed_at is not None:
        raise Conflict("second_factor.exists", "Exists", "Remove your second factor first.")
    secret = new_secret()
    sealed = _seal(keys, person.id, secret)
    if row is None:
        session.add(
            SecondFactor(
                person_id=person.id, secret_sealed=sealed, created_at=now, confirmed_at=None, last_step=0
            )
        )
    else:
        row.secret_sealed, row.created_at = sealed, now
    session.flush()
    address = address_of_secret(secret, person.login)
    return Enrolment(secret, address, segno.make(address, error="m").svg_data_uri(scale=4, border=2))


def confirm(session: Session, keys: Keys, principal: Principal, code: str, now: datetime) -> tuple[str, ...]:
    """Let the secret count from now on, for somebody whose app shows its codes; answers the recovery codes."""
    row = factor_queries.second_factor(session, principal.person_id)
    if row is None or row.confirmed_at is not None:
        raise Conflict("second_factor.not_begun", "Not begun", "Begin with `POST /api/v1/me/second-factor`.")
    step = step_of(_open(keys, row), tidy(code), now, row.last_step)
    if step is None:
        raise wrong_code()
    row.confirmed_at, row.last_step = now, step
    codes = new_recovery_codes()
    factor_queries.forget_recovery_codes(session, principal.person_id)
    session.add_all(
        RecoveryCode(person_id=principal.person_id, code_hash=digest(each), used_at=None) for each in codes
    )
    session.flush()
    person = get_person(session, principal, principal.person_id)
    note_person(session, Act.SECOND_FACTOR_ADDED, person.id, person)
    return codes


def remove(session: Session, keys: Keys, principal: Principal, code: str, now: datetime) -> None:
    """Do without from now on; takes a code."""
    if not factor_queries.has_second_factor(session, principal.person_id):
        raise Conflict("second_factor.none", "No second factor", "You have no second factor.")
    if not check(session, keys, principal.person_id, code, now):
        raise wrong_code()
    factor_queries.forget_second_factor(session, principal.person_id)
    person = get_person(session, principal, principal.person_id)
    note_person(session, Act.SECOND_FACTOR_REMOVED, person.id, person)


def reset(session: Session, principal: Principal, person_id: uuid.UUID) -> None:
    """Take the second factor from somebody one looks after, who lost it."""
    person = managed(session, principal, Action.PERSON_RESET_FACTOR, person_id)
    if factor_queries.second_factor(session, person.id) is None:
        raise NotFound("second_factor.none", "No second factor", "They have no second factor.")
    factor_queries.forget_second_factor(session, person.id)
    note_person(session, Act.SECOND_FACTOR_RESET, principal.person_id, person)


def standing(session: Session, principal: Principal) -> Standing:
    """How one's own is."""
    row = factor_queries.second_factor(session, principal.person_id)
    confirmed = row is not None and row.confirmed_at is not None
    return Standing(confirmed, factor_queries.recovery_codes_left(session, principal.person_id))


def check(session: Session, keys: Keys, person_id: uuid.UUID, code: str, now: datetime) -> bool:
    """Whether a code of the app or a recovery code is right; it counts this once."""
    row = factor_queries.second_factor(session, person_id)
    if row is None or row.confirmed_at is None:
        return False
    typed = tidy(code)
    step = step_of(_open(keys, row), typed, now, row.last_step)
    if step is not None:
        return factor_queries.move_step(session, person_id, step)
    return factor_queries.use_recovery_code(session, person_id, digest(typed), now)


def is_asked_for(session: Session, person_id: uuid.UUID) -> bool:
    """Whether somebody signs in with a code, too."""
    return factor_queries.has_second_factor(session, person_id)


def wrong_code() -> Invalid:
    """The refusal of a code."""
    return Invalid(
        "second_factor.wrong", "Wrong code", "The code is wrong or was used before; wait for the next one."
    )


def _seal(keys: Keys, person_id: uuid.UUID, secret: str) -> str:
    """Encrypted by a key that is not in the database, and bound to its person."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(keys.derived(_PURPOSE)).encrypt(nonce, secret.encode(), person_id.bytes)
    return base64.b64encode(nonce + sealed).decode()


def _open(keys: Keys, row: SecondFactor) -> str:
    raw = base64.b64decode(row.secret_sealed)
    try:
        opened = AESGCM(keys.derived(_PURPOSE)).decrypt(raw[:_NONCE], raw[_NONCE:], row.person_id.bytes)
    except InvalidTag:
        raise Conflict(
            "second_factor.unreadable",
            "Unreadable",
            "The server's secret was changed; an admin has to reset this second factor.",
        ) from None
    return opened.decode()
