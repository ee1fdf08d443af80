"""Use cases of people for whom the identity provider vouches."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.orm import Session

from app.accounts import claimed, own_sign_ins
from app.accounts import service as accounts
from app.accounts.digests import digest
from app.accounts.models import Person
from app.accounts.rules import PLACES, Duty, Principal, Role
from app.accounts.service import PersonDraft
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.audit.service import Subject
from app.database import take_turns
from app.errors import Conflict, NotFound, Unauthenticated
from app.oidc import queries
from app.oidc.attempts import LIFE
from app.oidc.logout import Logout, NotALogout
from app.oidc.models import ProviderIdentity
from app.oidc.rules import Outcome, RoleMapping, login_of, name_of

_log = structlog.stdlib.get_logger(__name__)
AT_ONCE: Final = 200
"""People whose roles one run of the chore ends."""
_PROVIDER: Final = {"by": "provider"}


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody for whom the provider vouches, and what it says of them."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]
    password_hash: str
    """What an account gets that is made for them: of a password that nobody knows."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a sign-in, and who it was where that is known."""

    outcome: Outcome
    person_id: uuid.UUID | None = None


def use_state(session: Session, state_hash: str, now: datetime) -> bool:
    """Note that an attempt came back; False when it did before."""
    return queries.use_state(session, state_hash, now)


def forget_states(session: Session, now: datetime) -> int:
    """Delete the states of attempts that are too old to come back; says how many."""
    return queries.forget_states(session, now - 2 * LIFE)


def arrive(session: Session, vouched: Vouched, mapping: RoleMapping, now: datetime) -> Arrival:
    """Let somebody in for whom the provider vouches, with the roles that the claims give them now.

    Whom nobody knows here gets an account if the claims give them a role. Roles are settled even for whoever is turned
    away: having none left is a reason for that.
    """
    county_id = queries.county_by_code(session, mapping.county)
    if county_id is None:
        _log.error("TONGTANG_OIDC_MAPPING_FILE names a county that is not here", county=mapping.county)
        return _turn_away(session, Outcome.UNMAPPED, None)
    wanted = _roles(session, county_id, vouched, mapping)
    known = queries.identity(session, vouched.issuer, vouched.subject)
    if known is None:
        if not wanted:
            return _turn_away(session, Outcome.UNMAPPED, None)
        known = _admit(session, county_id, vouched, now)
        if known is None:
            return _turn_away(session, Outcome.KNOWN, None)
    person = accounts.find_person(session, known.person_id)
    if person is None or not person.active or person.county_id != county_id:
        return _turn_away(session, Outcome.CLOSED, person)
    known.seen_at = now
    today = accounts.county_today(session, county_id, now)
    person = claimed.settle(session, person.id, wanted, today)
    if not _has_role(person, today):
        return _turn_away(session, Outcome.UNMAPPED, person)
    return Arrival(Outcome.ACCEPTED, person.id)


def connect(session: Session, person_id: uuid.UUID, vouched: Vouched, now: datetime) -> Arrival:
    """Connect the provider's account with the one of somebody who is signed in here, and showed the password."""
    person = accounts.find_person(session, person_id)
    if person is None or not person.active:
        return _turn_away(session, Outcome.CLOSED, person)
    take_turns(session, (person.county_id,))
    known = queries.identity(session, vouched.issuer, vouched.subject)
    own = queries.identity_of(session, person.id, vouched.issuer)
    if (known is not None and known.person_id != person.id) or (own is not None and own is not known):
        return _turn_away(session, Outcome.TAKEN, person)
    if known is None:
        _connect(session, person, vouched, now)
    return Arrival(Outcome.ACCEPTED, person.id)


def connected_at(session: Session, person_id: uuid.UUID, issuer: str) -> datetime | None:
    """Since when somebody's account is connected with one of the provider's; None when it is not."""
    own = queries.identity_of(session, person_id, issuer)
    return own.connected_at if own else None


def disconnect(session: Session, principal: Principal, issuer: str) -> None:
    """Do without the provider from now on; the roles that it gave end with it, and the other pages that it let in."""
    own = queries.identity_of(session, principal.person_id, issuer)
    if own is None:
        raise NotFound(
            "identity.none", "Not connected", "No account of the provider is connected with yours."
        )
    session.delete(own)
    own_sign_ins.part_from_provider(session, principal)
    person = claimed.settle(session, principal.person_id, (), principal.today)
    accounts.note_person(session, Act.IDENTITY_DISCONNECTED, person.id, person)


def sign_out(session: Session, issuer: str, wanted: Logout, now: datetime) -> int:
    """End the page sign-ins that the provider let in and says are over; says how many. What they opened ends with them.

    Raises `NotALogout` for a token that came before.
    """
    if not queries.use_state(session, digest(f"logout {wanted.jti}"), now):
        raise NotALogout("replayed")
    take_turns(session, (_turn_of(issuer),))
    queries.note_sign_out(session, [_mark(issuer, wanted.subject, wanted.sid)], now)
    person_id = None
    if wanted.subject is not None:
        known = queries.identity(session, issuer, wanted.subject)
        if known is None:
            return 0
        person_id = known.person_id
    return own_sign_ins.end_by_provider(session, person_id, wanted.sid)


def require_signed_in_there(
    session: Session, issuer: str, person_id: uuid.UUID, sid: str | None, since: datetime
) -> None:
    """Raise `Unauthenticated` when somebody signed out at the provider since it vouched for them.

    Asked in the transaction that lets them in: whoever signs out at the same moment finds what was opened, or is found.
    """
    take_turns(session, (_turn_of(issuer),))
    own = queries.identity_of(session, person_id, issuer)
    if own is not None:
        there = _mark(issuer, own.subject, None)
        # A session at the provider that is over never comes again; a person does.
        sessions = {_mark(issuer, None, sid), _mark(issuer, own.subject, sid)} if sid else set()
        ended = queries.signed_out_at(session, sessions | {there})
        if not ended.keys() & sessions and ended.get(there, datetime.min.replace(tzinfo=UTC)) < since:
            return
    raise Unauthenticated(
        "sign_in.not_begun",
        "Signed out there",
        "You signed out at the identity provider; sign in there again.",
    )


def _mark(issuer: str, subject: str | None, sid: str | None) -> str:
    """What is remembered of a person's sign-out at the provider, of that of a session there, or of both."""
    return digest("\n".join(("signed out", issuer, subject or "", sid or "")))


def _turn_of(issuer: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, issuer)


def note_entry(session: Session, person_id: uuid.UUID) -> None:
    """Note that the provider's word let somebody in."""
    person = accounts.find_person(session, person_id)
    assert person is not None  # who was just let in
    accounts.note_person(session, Act.SIGN_IN_ACCEPTED, person.id, person, after=_PROVIDER)


def note_refusal(session: Session, why: str) -> None:
    """Note that something came back that proves nobody."""
    audit.note(session, Act.SIGN_IN_REFUSED, SERVER_CHAIN, None, after={**_PROVIDER, "why": why})


def end_unseen(session: Session, now: datetime, kept: timedelta) -> int:
    """End the roles from the provider of people for whom it has not vouched for so long; says of how many."""
    ended = queries.unseen_with_roles(session, now - kept, AT_ONCE)
    for person_id in ended:
        person = accounts.find_person(session, person_id)
        assert person is not None  # the identity refers to them
        claimed.settle(session, person_id, (), accounts.county_today(session, person.county_id, now))
    return len(ended)


def _roles(
    session: Session, county_id: uuid.UUID, vouched: Vouched, mapping: RoleMapping
) -> list[tuple[Role, uuid.UUID]]:
    """The roles that the claims give, where the org unit is there and the role fits it."""
    wanted = mapping.wanted(vouched.claims)
    units = queries.units_by_code(session, county_id, {each.code for each in wanted})
    found = []
    for role, code in wanted:
        unit = units.get(code)
        if unit is None or unit.kind not in PLACES[role]:
            _log.warning("claims give a role where it cannot be", role=role.value, known=unit is not None)
        else:
            found.append((role, unit.id))
    return found


def _admit(
    session: Session, county_id: uuid.UUID, vouched: Vouched, now: datetime
) -> ProviderIdentity | None:
    """An account for somebody new; None when the login is taken by somebody who may be the same."""
    take_turns(session, (county_id,))
    # Somebody who clicked twice may be there by now.
    known = queries.identity(session, vouched.issuer, vouched.subject)
    if known is not None:
        return known
    login = login_of(vouched.claims) or f"p-{uuid.uuid4().hex[:12]}"
    draft = PersonDraft(login, name_of(vouched.claims, login), vouched.password_hash, ())
    try:
        today = accounts.county_today(session, county_id, now)
        person = accounts.create_person(session, county_id, draft, today)
    except Conflict:
        return None
    accounts.note_person(session, Act.PERSON_ADMITTED, None, person, after=_PROVIDER)
    return _connect(session, person, vouched, now)


def _connect(session: Session, person: Person, vouched: Vouched, now: datetime) -> ProviderIdentity:
    made = ProviderIdentity(
        person_id=person.id,
        issuer=vouched.issuer,
        subject=vouched.subject,
        connected_at=now,
        seen_at=now,
    )
    session.add(made)
    session.flush()
    accounts.note_person(session, Act.IDENTITY_CONNECTED, person.id, person)
    return made


def _turn_away(session: Session, outcome: Outcome, person: Person | None) -> Arrival:
    facts = {**_PROVIDER, "why": outcome}
    if person is None:
        audit.note(session, Act.SIGN_IN_REFUSED, SERVER_CHAIN, None, after=facts)
    else:
        subject = Subject("person", person.id)
        audit.note(session, Act.SIGN_IN_REFUSED, person.county_id, None, subject, after=facts)
    return Arrival(outcome, person.id if person else None)


def _has_role(person: Person, today: date) -> bool:
    return any(
        Duty(each.role, each.org_unit_id, each.valid_from, each.valid_to).holds_on(today)
        for each in person.assignments
    )
