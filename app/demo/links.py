"""Short links into the demo county: a newcomer clicks, and is signed in.

A link's key follows from the server's secret and the login, so a link from yesterday still works; 40 bits
cannot be guessed over the network. Only a server in demo mode has these routes.
"""

import hashlib
import hmac
from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse

from app.accounts import browsers, cookies
from app.accounts import service as accounts
from app.errors import NotFound
from app.keys import Keys
from app.settings import Settings

_KEY_BYTES = 5


@dataclass(frozen=True, slots=True)
class DemoLink:
    """Where a person of the demo county goes after the click."""

    login: str
    page: str


def link_key(keys: Keys, link: DemoLink) -> str:
    """The eight letters and digits that stand for a link."""
    digest = hmac.digest(keys.secret, f"demo link {link.login} {link.page}".encode(), hashlib.sha256)
    return b32encode(digest[:_KEY_BYTES]).decode().lower()


def add_links(api: FastAPI, links: list[DemoLink]) -> list[str]:
    """Let the application answer these links; returns their paths in the same order."""
    settings: Settings = api.state.settings
    keys: Keys = api.state.keys
    known = {link_key(keys, link): link for link in links}
    router = APIRouter(include_in_schema=False)

    @router.get("/demo/{key}")
    def follow(key: str, request: Request) -> RedirectResponse:
        """Sign the browser in and go to the page, which is told the name of its sign-in in the fragment."""
        link = known.get(key)
        life = timedelta(minutes=settings.session_minutes)
        with api.state.session_factory.begin() as session:
            person = accounts.find_by_login(session, link.login) if link is not None else None
            if link is None or person is None:
                raise NotFound("demo.no_link", "No such link", "Take the links that the server printed last.")
            opened = browsers.open_session(session, person.id, life, datetime.now(UTC))
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        answer = RedirectResponse(f"{link.page}#as={opened.name}", status_code=303, headers=headers)
        cookies.hand_out(request, answer, opened.name, opened.secret)
        return answer

    api.include_router(router)
    return [f"/demo/{key}" for key in known]
