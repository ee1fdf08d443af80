"""HTTP of mailed links: a new password for whoever forgot it, and one's own mail address."""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, BackgroundTasks, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State

from app.accounts import given_mail, mailed
from app.accounts.gates import may
from app.accounts.mail_schemas import (
    ForgottenPassword,
    MailAddressOut,
    MailedPassword,
    MailedSecret,
    NewMailAddress,
    PersonPatch,
)
from app.accounts.passwords import require_strong
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.accounts.schemas import PersonOut
from app.accounts.sign_in import Door, require_own_password
from app.database import CALLER_ADDRESS, SessionDep, address_of, reading
from app.entity_tags import IfMatch, tagged
from app.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    responses,
)
from app.guard.addresses import network_of
from app.guard.throttle import Throttle
from app.mail import Letter, Postman

router = APIRouter(prefix="/api/v1", tags=["accounts"])
_log = structlog.stdlib.get_logger(__name__)


class MailLimits:
    """How many letters one account gets, and one network or person lets us write, on this server."""

    def __init__(self) -> None:
        self.account = Throttle(burst=3, per_second=3 / 3600)
        self.network = Throttle(burst=60, per_second=60 / 3600)  # a whole county may be behind one
        self.writer = Throttle(burst=100, per_second=100 / 3600)  # who enters addresses: a school's in one go
        self.address = Throttle(
            burst=5, per_second=5 / 3600
        )  # one person's address, by one other or themselves

    def require(self, address: str, now: float) -> None:
        """Raise `TooManyRequests` when too much was asked for from there; `now` is in seconds."""
        _require_no_wait(self.network.wait(network_of(address), now), "were asked for from here")

    def require_of(self, writer: uuid.UUID, whose: uuid.UUID | None, now: float) -> None:
        """Raise `TooManyRequests` when somebody entered too many addresses, or too many for this person."""
        wait = self.address.wait((writer, whose), now) if whose is not None else 0.0
        _require_no_wait(wait or self.writer.wait(writer, now), "come of the addresses that you entered")


def _require_no_wait(wait: float, why: str) -> None:
    if wait > 0:
        raise TooManyRequests(
            "mail.too_many",
            "Too many letters",
            f"Too many letters {why}; try again in {wait:.0f} s.",
            headers={"Retry-After": str(int(wait) + 1)},
        )


@router.post(
    "/password-resets",
    status_code=202,
    summary="Ask for a new password",
    responses=responses(NotFound, TooManyRequests),
)
def ask_for_password(body: ForgottenPassword, request: Request, later: BackgroundTasks) -> None:
    """Have a link to a new password mailed. The answer is the same, and as fast, whether or not there is an account."""
    state = request.app.state
    _require_mail(state.postman)
    state.mail_limits.require(address_of(request), time.monotonic())
    later.add_task(_write_to, state, body.who, address_of(request))


@router.post(
    "/password-resets/finish",
    status_code=204,
    summary="Set a new password by a mailed link",
    responses=responses(NotFound, Invalid, TooManyRequests, Unavailable),
)
async def finish(body: MailedPassword, request: Request) -> None:
    """Choose another password. The link is used up, and every sign-in and token from before is void.

    The link that a mail address got when an admin replaced it brings that address back, too.
    """
    door: Door = request.app.state.door
    new = body.new_password.get_secret_value()
    now = datetime.now(UTC)

    def look() -> None:
        with reading(door.factory) as session:
            person = mailed.whose_password(session, body.secret, now)
        require_strong(new, person.login, person.name)

    await run_in_threadpool(look)  # before the slow hash, and before the link is used up
    hashed = await door.desk.hash(new)

    def work() -> tuple[str, Sequence[Letter]]:
        with door.factory.begin() as session:
            session.info[CALLER_ADDRESS] = address_of(request)
            return mailed.set_password(session, body.secret, hashed, now)

    login, told = await run_in_threadpool(work)
    door.limits.unlock(login)
    for letter in told:
        request.app.state.postman.post(letter)


@router.get(
    "/me/mail-address",
    summary="Show one's mail address",
    responses=responses(Unauthenticated),
)
def show_address(
    request: Request, session: SessionDep, principal: Annotated[Principal, may(Action.MAIL_ADDRESS_SHOW)]
) -> MailAddressOut:
    """The address that letters about the own account go to."""
    found = mailed.standing(session, principal, datetime.now(UTC))
    return MailAddressOut(
        offered=request.app.state.postman.works,
        address=found.address,
        waiting=found.waiting,
        proven=found.proven,
    )


@router.put(
    "/me/mail-address",
    status_code=204,
    summary="Change one's mail address",
    responses=responses(Unauthenticated, Forbidden, NotFound, TooManyRequests, Unavailable),
)
async def change_address(
    body: NewMailAddress,
    request: Request,
    principal: Annotated[Principal, may(Action.MAIL_ADDRESS_SET)],
) -> None:
    """Give an address, which counts once the link in the letter to it was opened; or none. Takes the own password."""
    state = request.app.state
    where = address_of(request)
    await require_own_password(state.door, principal, body.password.get_secret_value(), where)
    if body.address is not None:
        _require_mail(state.postman)
        state.mail_limits.require(where, time.monotonic())
        state.mail_limits.require_of(principal.person_id, principal.person_id, time.monotonic())

    def work() -> Letter | None:
        with state.session_factory.begin() as session:
            session.info[CALLER_ADDRESS] = where
            if body.address is None:
                return mailed.remove_address(session, principal)
            now = datetime.now(UTC)
            return mailed.ask_for_address(session, principal, body.address, state.settings.public_url, now)

    _post(state.postman, await run_in_threadpool(work))


@router.patch(
    "/people/{person_id}",
    summary="Change a person",
    response_model=PersonOut,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, TooManyRequests),
)
def change_person(
    person_id: uuid.UUID,
    body: PersonPatch,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PERSON_CHANGE)],
    seen: IfMatch,
    later: BackgroundTasks,
) -> Response:
    """Enter the mail address of somebody one looks after. The one from before is told; links that wait there are void.

    If that was proven, its reader can take the change back within seven days, with a new password; a reset of the
    password by an admin ends that. No access token is good for this, and one's own address takes one's own password.
    """
    state = request.app.state
    if state.postman.works:
        state.mail_limits.require_of(principal.person_id, person_id, time.monotonic())
    origin, now = state.settings.public_url, datetime.now(UTC)
    entered = given_mail.enter(session, principal, person_id, body.email, seen, origin, now)
    _post_later(later, state.postman, entered.letters)
    return tagged(PersonOut.model_validate(entered.person))


@router.post(
    "/mail-confirmations",
    status_code=204,
    summary="Confirm a mail address",
    responses=responses(NotFound),
)
def confirm_address(
    body: MailedSecret, request: Request, session: SessionDep, later: BackgroundTasks
) -> None:
    """Say that a letter arrived: its address counts from now on."""
    letter = mailed.confirm_address(session, body.secret, datetime.now(UTC))
    later.add_task(_post, request.app.state.postman, letter)  # after the transaction


def _require_mail(postman: Postman) -> None:
    if not postman.works:
        raise NotFound("mail.none", "No mail", "This server sends no mail; ask your administrator.")


def _write_to(state: State, who: str, address: str) -> None:
    """Behind the answer, so that its time tells nothing."""
    try:
        with reading(state.session_factory) as session:
            people = mailed.whom_to_write(session, who)
        for person in people:
            if state.mail_limits.account.wait(person.id, time.monotonic()) > 0:
                continue
            with state.session_factory.begin() as session:
                session.info[CALLER_ADDRESS] = address
                now = datetime.now(UTC)
                letter = mailed.ask_for_password(session, person.id, state.settings.public_url, now)
            _post(state.postman, letter)
    except SQLAlchemyError as error:
        _log.error("the database is away, a letter was not written", error=type(error).__name__)


def _post_later(later: BackgroundTasks, postman: Postman, letters: Sequence[Letter]) -> None:
    """After the transaction; a server without mail tells nobody."""
    for letter in letters if postman.works else ():
        later.add_task(postman.post, letter)


def _post(postman: Postman, letter: Letter | None) -> None:
    if letter is not None:
        postman.post(letter)
