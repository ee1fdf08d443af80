"""Letting a page in, for whom somebody vouched: the session and its cookie."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.accounts import browsers, cookies
from app.accounts.browsers import Opened
from app.accounts.schemas import SignedIn
from app.database import SessionFactory


async def let_in(
    request: Request,
    response: Response,
    person_id: uuid.UUID,
    now: datetime,
    *,
    second_factor: bool = False,
) -> SignedIn:
    """Sign a browser in as this person; cookies of sign-ins that are over are taken back on the way."""
    state = request.app.state
    life = timedelta(minutes=state.settings.session_minutes)
    known = cookies.secrets_of(request)
    opened, over = await run_in_threadpool(
        _open, state.session_factory, person_id, life, known, now, second_factor
    )
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
    second_factor: bool,
) -> tuple[Opened, Collection[str]]:
    with factory.begin() as session:
        opened = browsers.open_session(session, person_id, life, now, second_factor=second_factor)
        return opened, browsers.over(session, known, now)
