"""Use cases of accounts: signing in, knowing who asks, admitting people."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import factor_queries, passes, queries, token_queries
from app.accounts.days import county_today as county_today
from app.accounts.days import day_in
from app.accounts.digests import digest
from app.accounts.models import Assignment, Person
from app.accounts.permissions import Action
from app.accounts.reach import Reach, Target, may_appoint, require, require_somewhere
from app.accounts.rules import ADMINS, PLACES, Basis, Duty, Holder, HolderKind, Principal, Role, Used
from app.accounts.scopes import ACCESS_TOKEN, actions_of_scopes
from app.accounts.tokens import TokenKind, read, read_one_of, sign
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import violated
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from app.keys import Keys
from app.listing import Paging, Slice


@dataclass(frozen=True)
class PersonDraft:
    """A person to be created; `assignments` without a first day start today."""

    login: str
    name: str
    password_hash: str
    assignments: tuple[tuple[Role, uuid.UUID, date | None, date | None], ...]
    must_change_password: bool = False
    email: str | None = None
    """As an administrator entered it."""


# --- knowing who asks ---------------------------------------------------------------------------------------


_OF_PASSES = {TokenKind.TERMINAL: HolderKind.TERMINAL, TokenKind.GUEST: HolderKind.GUEST}


def issue_person_token(
    keys: Keys,
    person: Person,
    minutes: float,
    now: datetime | None = None,
    family_id: uuid.UUID | None = None,
) -> str:
    """A bearer token for a person; one of a family ends with it."""
    now = now or datetime.now(UTC)
    claims = {"sub": str(person.id)}
    if family_id is not None:
        claims["fam"] = str(family_id)
    return sign(keys, TokenKind.PERSON, claims, now=now, until=now + timedelta(minutes=minutes))


def authenticate(session: Session, keys: Keys, token: str, now: datetime | None = None) -> Principal:
    """Who is behind a token: a person, one of their scripts, a room's terminal or a guest; raises `Unauthenticated`."""
    now = now or datetime.now(UTC)
    if token.startswith(ACCESS_TOKEN):
        return _principal_of_script(session, token, now)
    kind, claims = read_one_of(keys, (TokenKind.PERSON, *_OF_PASSES), token, now=now)
    if kind is not TokenKind.PERSON:
        return passes.principal(session, _OF_PASSES[kind], uuid.UUID(claims["sub"]), now)
    return _principal_of_claims(session, claims, now)


def authenticate_person(session: Session, keys: Keys, token: str, now: datetime) -> Principal:
    """The person who signed in for this token; raises `Unauthenticated`, for all other tokens too."""
    return _principal_of_claims(session, read(keys, TokenKind.PERSON, token, now=now), now)


def _principal_of_claims(session: Session, claims: Mapping[str, Any], now: datetime) -> Principal:
    family = claims.get("fam")
    family_id = None if family is None else uuid.UUID(family)
    return principal_of(session, uuid.UUID(claims["sub"]), now, claims["iat"], family_id)


def principal_of(
    session: Session,
    person_id: uuid.UUID,
    now: datetime | None = None,
    issued_at: float | None = None,
    family_id: uuid.UUID | None = None,
) -> Principal:
    """A person as of now, for whom somebody vouched with a token; raises `Unauthenticated` when it is void.

    `issued_at` is when the token was made, in seconds since 1970: a changed password voids those from before.
    One of a family is void once that has ended.
    """
    person = next(iter(queries.askers(session, (person_id,), family_id)), None)
    if person is None or not person.active:
        raise Unauthenticated("token.no_person", "Account closed", "The account of this token was closed.")
    if family_id != person.family_id:
        raise Unauthenticated("token.void", "Token void", "This sign-in was ended; sign in again.")
    if issued_at is not None and person.tokens_since and issued_at < person.tokens_since.timestamp():
        raise token_void()
    return _principal(person, now or datetime.now(UTC))


def _principal_of_script(session: Session, token: str, now: datetime) -> Principal:
    found = token_queries.access_token(session, digest(token))
    if found is None:
        raise Unauthenticated("token.invalid", "Unknown token", "The access token is unknown or was revoked.")
    if found.expires_at <= now:
        raise Unauthenticated("token.expired", "Token expired", "The access token has expired.")
    principal = principal_of(session, found.person_id, now, issued_at=found.created_at.timestamp())
    actions = actions_of_scopes(found.scopes.split())
    return replace(
        principal, actions=actions, access_token=Used(found.id, found.last_used_at, found.expires_at)
    )


def lacks_second_factor(session: Session, principal: Principal) -> bool:
    """Whether somebody is an admin today and signs in by the password alone."""
    if principal.second_factor:
        return False
    admin = any(duty.role in ADMINS and duty.holds_on(principal.today) for duty in principal.assignments)
    return admin and not factor_queries.has_second_factor(session, principal.person_id)


def ended(session: Session, bases: Collection[Basis], now: datetime) -> set[Basis]:
    """Those of what programs were let in by that were revoked, ended or ran out."""
    alive = token_queries.living_bases(session, bases, now) if bases else set()
    return {basis for basis in bases if basis not in alive}


def require_basis(session: Session, basis: Basis, now: datetime) -> None:
    """Raise `Unauthenticated` when what a program was let in by is over."""
    if ended(session, (basis,), now):
        raise Unauthenticated("token.void", "Token void", "The token that this was given for was ended.")


def token_void() -> Unauthenticated:
    """The refusal of what was given before the password was changed."""
    return Unauthenticated("token.void", "Token void", "The password was changed since; sign in again.")


def principals_of(session: Session, holders: Collection[Holder], now: datetime) -> dict[Holder, Principal]:
    """Those of many holders who have an account still, as of now, in a few queries however many they are."""
    ids = {holder.id for holder in holders if holder.kind is HolderKind.PERSON}
    found = (_principal(person, now) for person in queries.askers(session, ids) if person.active)
    return {each.holder: each for each in (*found, *passes.principals(session, holders, now))}


def principal_of_holder(session: Session, holder: Holder, now: datetime, issued_at: float) -> Principal:
    """Whoever a grant was given to, as of now; raises `Unauthenticated` when it is void."""
    if holder.kind is not HolderKind.PERSON:
        return passes.principal(session, holder.kind, holder.id, now)
    return principal_of(session, holder.id, now, issued_at)


def _principal(person: queries.Asker, now: datetime) -> Principal:
    return Principal(
        person_id=person.id,
        name=person.name,
        county_id=person.county_id,
        assignments=person.duties,
        today=day_in(person.time_zone, now),
        login=person.login,
        must_change_password=person.must_change_password,
        family_id=person.family_id,
        void_before=person.tokens_since,
    )


# --- people -------------------------------------------------------------------------------------------------


def create_person(session: Session, county_id: uuid.UUID, draft: PersonDraft, today: date) -> Person:
    """Create a person without asking who wants it: for the command line and seeds.

    Raises `Conflict` when the login is taken, `Invalid` when a role does not fit its org unit.
    """
    check_places(session, county_id, draft)
    person = Person(
        county_id=county_id,
        login=draft.login,
        name=draft.name,
        password_hash=draft.password_hash,
        must_change_password=draft.must_change_password,
        email=draft.email,
        email_proven=draft.email is None,
        created_at=datetime.now(UTC),
        assignments=[
            Assignment(role=role, org_unit_id=unit, valid_from=first or today, valid_to=last)
            for role, unit, first, last in draft.assignments
        ],
    )
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError as error:
        if violated(error) != "uq_people_login":
            raise
        raise Conflict("person.login_taken", "Login taken", f"The login {draft.login} is taken.") from None
    return person


def admit_person(session: Session, principal: Principal, draft: PersonDraft) -> Person:
    """Create a person on behalf of an administrator, who may only give roles below the own office."""
    require_somewhere(principal, Action.PERSON_ADMIT)
    units = check_places(session, principal.county_id, draft)
    for role, unit_id, _first, _last in draft.assignments:
        if not may_appoint(principal, role, units[unit_id].org_path):
            raise Forbidden(
                "person.may_not_appoint",
                "Not yours to give",
                f"You may not give the role {role.value} on org unit {unit_id}.",
            )
    person = create_person(session, principal.county_id, draft, principal.today)
    note_person(session, Act.PERSON_ADMITTED, principal.person_id, person, after=facts_of(person))
    return person


def note_person(
    session: Session,
    act: Act,
    by: uuid.UUID | None,
    person: Person,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Note what was done to somebody's account."""
    audit.note(session, act, person.county_id, by, Subject("person", person.id), before=before, after=after)


def facts_of(person: Person) -> Facts:
    """What the trail keeps of a person: rights, no names."""
    assignments = [
        {
            "role": item.role,
            "org_unit_id": item.org_unit_id,
            "valid_from": item.valid_from,
            "valid_to": item.valid_to,
        }
        for item in person.assignments
    ]
    return {"active": person.active, "assignments": assignments}


def list_people(
    session: Session,
    principal: Principal,
    paging: Paging,
    *,
    role: Role | None = None,
    org_unit_id: uuid.UUID | None = None,
    name: str | None = None,
    active: bool | None = None,
) -> Slice[Person]:
    """People an administrator looks after, and where the next page starts."""
    below = _paths(session, require_somewhere(principal, Action.PERSON_LIST))
    path = None
    if org_unit_id is not None:
        unit = queries.units(session, {org_unit_id}).get(org_unit_id)
        if unit is None or unit.county_id != principal.county_id:
            return Slice([], None)
        path = unit.path
    search = queries.PeopleSearch(principal.county_id, below, role, path, principal.today, name, active)
    return queries.people_page(session, search, paging)


def get_person(session: Session, principal: Principal, person_id: uuid.UUID) -> Person:
    """One person: oneself, or somebody an administrator looks after."""
    missing = NotFound("person.not_found", "No such person", f"There is no person {person_id}.")
    person = queries.person_with_assignments(session, person_id)
    if person is None:
        raise missing
    require(principal, Action.PERSON_SHOW, target_of(session, person), missing=missing)
    return person


def target_of(session: Session, person: Person) -> Target:
    """A person (with assignments) as the table of permissions sees them."""
    units = queries.units(session, {item.org_unit_id for item in person.assignments})
    return Target(person.county_id, tuple(unit.org_path for unit in units.values()), person_id=person.id)


def names(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The names of people, for lists of other things."""
    return queries.names(session, ids)


def holders(
    session: Session, county_id: uuid.UUID, roles: Collection[Role], now: datetime
) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Those with an account who have one of the roles in a county today, by the unit on which they have it."""
    found: dict[uuid.UUID, set[uuid.UUID]] = {}
    for person_id, unit_id in queries.holders(
        session, county_id, roles, county_today(session, county_id, now)
    ):
        found.setdefault(unit_id, set()).add(person_id)
    return found


def active_people(session: Session, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the people who have an account that is open."""
    return queries.active_people(session, ids)


def mail_addresses(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Where those of the people can be written to who have an open account and proved an address to be theirs."""
    return queries.mail_addresses(session, ids)


def find_person(session: Session, person_id: uuid.UUID) -> Person | None:
    """A person with assignments, or None; for other domains, which decide themselves who may ask."""
    return queries.person_with_assignments(session, person_id)


def find_people(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Person]:
    """The same of many, by id, those that exist."""
    return {person.id: person for person in queries.people_with_assignments(session, ids)}


def find_by_login(session: Session, login: str) -> Person | None:
    """A person by login, or None; for the command line and seeds."""
    return queries.person_by_login(session, login)


def set_password(session: Session, person_id: uuid.UUID, password_hash: str) -> None:
    """Give a person another password without asking who wants it: for seeds."""
    person = session.get_one(Person, person_id)
    person.password_hash = password_hash
    session.flush()


def holds_role(person: Person, role: Role, org_path: Iterable[uuid.UUID], day: date) -> bool:
    """Whether a person (of `find_person`) has a role somewhere on the path on that day."""
    units = frozenset(org_path)
    return any(
        item.role is role
        and item.org_unit_id in units
        and Duty(item.role, item.org_unit_id, item.valid_from, item.valid_to).holds_on(day)
        for item in person.assignments
    )


def check_places(session: Session, county_id: uuid.UUID, draft: PersonDraft) -> dict[uuid.UUID, queries.Unit]:
    """The units of a draft's roles; raises `NotFound` or `Invalid` for a role that does not fit its unit."""
    wanted = {unit_id for _role, unit_id, _first, _last in draft.assignments}
    units = queries.units(session, wanted)
    for role, unit_id, _first, _last in draft.assignments:
        unit = units.get(unit_id)
        if unit is None or unit.county_id != county_id:
            raise NotFound("org_unit.not_found", "No such org unit", f"There is no org unit {unit_id}.")
        require_fitting(role, unit.kind, unit_id)
    return units


def require_fitting(role: Role, kind: str, unit_id: uuid.UUID) -> None:
    """Raise `Invalid` when a role is not held on units of a kind."""
    if kind not in PLACES[role]:
        places = " or ".join(sorted(PLACES[role]))
        raise Invalid(
            "person.role_does_not_fit",
            "Role does not fit",
            f"The role {role.value} is held on a {places}, not on a {kind}.",
            org_unit_id=str(unit_id),
        )


def _paths(session: Session, reach: Reach) -> list[str] | None:
    """Paths of the units within reach; None stands for the whole county."""
    if reach.county_id is not None:
        return None
    return [unit.path for unit in queries.units(session, reach.units).values()]
