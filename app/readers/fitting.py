"""Which routes readers answer, and the application they answer with.

A route fits when it needs nothing but who asks, the database to read in, and what it declares of the request: then any
process gives the same answer. One that takes the request itself may look at what the web process alone has.
"""

from collections.abc import Iterable
from typing import Never

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.accounts.gates import Gate, bearer, current_principal, depends_on
from app.database import SessionFactory, get_session, make_engine
from app.guard.traffic import Limit
from app.keys import load_keys
from app.routing import route_by_words
from app.settings import Settings


class _PacedAtTheDoor:
    """In place of the limits: the web process counts what a reader answered."""

    def require_of_account(self, limit: Limit, *_about: object) -> None:
        """Nothing is counted here."""


class LeftToTheWeb(Exception):
    """Something is to be written down, which the web process does, with the whole request."""


class _ReadingOnly(SessionFactory):
    """Sessions to read in; that a sign-in or a token is in use is noted where it can be."""

    def begin(self) -> Never:
        """Nothing is changed here; raises `LeftToTheWeb`."""
        raise LeftToTheWeb


def fits(route: BaseRoute) -> bool:
    """Whether a reader can answer it."""
    if not isinstance(route, APIRoute) or route.methods != {"GET"} or not route.path.startswith("/api/v1/"):
        return False
    return depends_on(route.dependant, current_principal) and not _takes_more(route.dependant)


def paths_of(routes: Iterable[BaseRoute]) -> frozenset[str]:
    """The templates of the routes that fit."""
    return frozenset(route.path for route in routes if isinstance(route, APIRoute) and fits(route))


def application(settings: Settings, routes: Iterable[BaseRoute]) -> FastAPI:
    """The routes that fit, with what they need and no more; errors are for the web process to tell."""
    api = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        routes=[route for route in routes if fits(route)],
    )
    engine = make_engine(settings.database_url, settings.database_wait_seconds, changes=False)
    api.state.settings = settings
    api.state.keys = load_keys(settings.data_dir)
    api.state.session_factory = _ReadingOnly(engine)
    api.state.traffic = _PacedAtTheDoor()
    route_by_words(api)
    return api


def _takes_more(dependant: Dependant) -> bool:
    """Whether a route takes the whole request, or the answer, for itself or by a dependency."""
    if isinstance(dependant.call, Gate) or dependant.call in (current_principal, get_session, bearer):
        return False  # all that they look at, a reader has
    taken = (
        dependant.request_param_name,
        dependant.http_connection_param_name,
        dependant.response_param_name,
        dependant.background_tasks_param_name,
    )
    return any(taken) or any(map(_takes_more, dependant.dependencies))
