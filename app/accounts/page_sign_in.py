"""Letting a page in, for whom somebody vouched: the session and its cookie."""

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.accounts import browsers, cookies
from app.accounts.browsers import UNKNOWN, Circumstances, Opened
from app.accounts.devices import device_of
from app.accounts.schemas import SignedIn
from app.database import SessionFactory, address_of


async def let_in(
    request: Request, response: Response, person_id: uuid.UUID, now: datetime, how: Circumstances = UNKNOWN
) -> SignedIn:
    """Sign a browser in as this person; cookies of sign-ins that are over are taken back on the way."""
    state = request.app.state
    life = timedelta(minutes=state.settings.session_minutes)
    known = cookies.secrets_of(request)
    how = replace(how, device=device_of(request.headers.get("user-agent", "")), address=address_of(request))
    opened, over = await run_in_threadpool(_open, state.session_factory, person_id, life, known, now, how)
    cookies.hand_out(request, response, opened.name, opened.secret)
    for name in over:
        cookies.take_back(request, response, name)
    response.headers["Cache-Control"] = "no-store"
    return SignedIn(sign_in=opened.name, expires_at=now + life)


def _open(
    factory: SessionFactory,
    person_id: uuid.UUID,
    life: timedelta,
    known: dict[str, str],
    now: datetime,
    how: Circumstances,
) -> tuple[Opened, Collection[str]]:
    with factory.begin() as session:
        opened = browsers.open_session(session, person_id, life, now, how)
        return opened, browsers.over(session, known, now)
