"""Letting a page in, for whom somebody vouched: the session and its cookie."""

import uuid
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.accounts import browsers, cookies
from app.accounts.browsers import UNKNOWN, Circumstances, Opened
from app.accounts.devices import device_of
from app.accounts.rules import Used
from app.accounts.schemas import SignedIn
from app.database import SessionFactory, address_of


async def let_in(
    request: Request,
    response: Response,
    person_id: uuid.UUID,
    now: datetime,
    how: Circumstances = UNKNOWN,
    require: Callable[[Session], None] | None = None,
) -> SignedIn:
    """Sign a browser in as this person; cookies of sign-ins that are over are taken back on the way.

    `require` raises what speaks against it, in the same transaction.
    """
    state = request.app.state
    life = _life(request)
    known = cookies.secrets_of(request)
    how = replace(how, device=device_of(request.headers.get("user-agent", "")), address=address_of(request))

    def work() -> tuple[Opened, Collection[str]]:
        with state.session_factory.begin() as session:
            if require is not None:
                require(session)
            opened = browsers.open_session(session, person_id, life, now, how)
            return opened, browsers.over(session, known, now)

    opened, over = await run_in_threadpool(work)
    for name in over:
        cookies.take_back(request, response, name)
    return _handed_out(request, response, opened)


async def renew(request: Request, response: Response, used: Used, now: datetime) -> SignedIn | None:
    """Give the browser another secret of the same sign-in; None when that was ended meanwhile."""
    factory: SessionFactory = request.app.state.session_factory

    def work() -> Opened | None:
        with factory.begin() as session:
            return browsers.renew(session, used, _life(request), now, address_of(request) or None)

    opened = await run_in_threadpool(work)
    return _handed_out(request, response, opened) if opened is not None else None


def _life(request: Request) -> timedelta:
    return timedelta(minutes=request.app.state.settings.session_minutes)


def _handed_out(request: Request, response: Response, opened: Opened) -> SignedIn:
    cookies.hand_out(request, response, opened.name, opened.secret)
    response.headers["Cache-Control"] = "no-store"
    return SignedIn(sign_in=opened.name, expires_at=opened.expires_at)
