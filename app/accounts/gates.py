"""The gate of a route: who asks, and whether they may do such a thing at all.

    principal: Annotated[Principal, may(Action.ROOM_ADD)]

A gate looks at roles only; what the request is about is looked at by the service, through `permissions.require`.
The application does not start with a route that has neither a gate nor a line in `app.gatekeeping`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args, get_origin

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from app.accounts import cookies
from app.accounts.access_tokens import note_use
from app.accounts.browsers import note_seen, principal_of_session
from app.accounts.permissions import NOT_KEPT, Action
from app.accounts.reach import require_somewhere
from app.accounts.rules import Principal
from app.accounts.service import authenticate, lacks_second_factor
from app.database import address_of, reading
from app.errors import Unauthenticated
from app.guard.limiting import READS
from app.guard.traffic import Limit, Traffic
from app.guard.watch import ASKER, Asker
from app.idempotency.attempts import ATTEMPT, Attempt
from app.settings import Settings

bearer = OAuth2PasswordBearer(
    tokenUrl="/api/v1/token", auto_error=False, description="A token of POST /api/v1/token"
)

_FIELDS: Final[dict[Callable[..., Any], Mapping[str, bool]]] = {}
"""Of a route, the fields of a query, and whether each may be there several times."""


def identify(
    session: Session, connection: HTTPConnection, token: str | None, sign_in: str | None
) -> Principal:
    """Who asks: the person of a bearer token, else of the cookie of the sign-in that a page names.

    Raises `Unauthenticated`, or `Forbidden` for a cookie that another site's page makes use of.
    """
    principal = _identified(session, connection, token, sign_in)
    connection.scope[ASKER] = Asker(principal.person_id, principal.county_id)
    settings: Settings = connection.app.state.settings
    if settings.admins_need_second_factor and lacks_second_factor(session, principal):
        return replace(principal, must_add_factor=True)
    return principal


def _identified(
    session: Session, connection: HTTPConnection, token: str | None, sign_in: str | None
) -> Principal:
    now = datetime.now(UTC)
    if token is not None:
        return authenticate(session, connection.app.state.keys, token, now)
    secret = cookies.secret_of(connection, sign_in)
    if secret is None:
        raise Unauthenticated(
            "token.missing",
            "Not signed in",
            "Send `Authorization: Bearer …` with a token of POST /api/v1/token.",
        )
    return principal_of_session(session, secret, now)


def current_principal(connection: HTTPConnection, token: Annotated[str | None, Depends(bearer)]) -> Principal:
    """Dependency: the signed-in person.

    Looked up in a short transaction of its own, so that nobody opens one that writes, which SQLite has one of,
    before it is known who asks.
    """
    with reading(connection.app.state.session_factory) as session:
        principal = identify(session, connection, token, connection.headers.get(cookies.HEADER))
    now = datetime.now(UTC)
    note_use(connection.app.state.session_factory, principal.access_token, now)
    note_seen(connection.app.state.session_factory, principal.browser, now)
    reads = connection.scope.get("method") in READS
    require_pace(connection, principal, Limit.ACCOUNT_READS if reads else Limit.ACCOUNT_WRITES)
    return principal


def require_pace(connection: HTTPConnection, principal: Principal, limit: Limit) -> None:
    """Raise `TooManyRequests` when somebody asks more often than a person or a sensible program does."""
    traffic: Traffic = connection.app.state.traffic
    traffic.require_of_account(limit, principal.person_id, principal.county_id, address_of(connection))


@dataclass(frozen=True, slots=True)
class Gate:
    """The dependency that lets through those who have an action in any of their roles."""

    action: Action

    async def __call__(
        self,
        connection: HTTPConnection,
        principal: Annotated[Principal, Depends(current_principal, scope="function")],
    ) -> Principal:
        """The signed-in person; raises `Unauthenticated` or `Forbidden`, and `Conflict` for what is being done now."""
        require_somewhere(principal, self.action)
        if connection.scope["query_string"]:
            _refuse_unknown(connection)
        attempt: Attempt | None = connection.scope.get(ATTEMPT)
        if attempt is not None and principal.held is None:
            attempt.asked_by(principal.person_id, keeps_body=self.action not in NOT_KEPT)
        return principal


def _refuse_unknown(connection: HTTPConnection) -> None:
    """Raise the error of a field that nobody reads, or of which all but the last would go unread.

    Whoever misspells a filter would be shown everything instead.
    """
    route = connection.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = _query_fields(route)
    faults = [
        {"type": "extra_forbidden", "loc": ("query", name[:50]), "msg": "Nothing here goes by this"}
        for name in sorted(connection.query_params.keys() - known.keys())
    ]
    given = Counter(name for name, _ in connection.query_params.multi_items())
    faults += [
        {"type": "given_twice", "loc": ("query", name), "msg": "This counts once only"}
        for name in sorted(known)
        if given[name] > 1 and not known[name]
    ]
    if faults:
        raise RequestValidationError(faults[:5])


def _query_fields(route: APIRoute) -> Mapping[str, bool]:
    found = _FIELDS.get(route.endpoint)
    if found is None:
        found = _FIELDS[route.endpoint] = dict(_fields_in(route.dependant))
    return found


def _fields_in(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    yield from ((each.alias, _is_list(each.field_info.annotation)) for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _fields_in(each)


def _is_list(kind: Any) -> bool:
    return any(get_origin(each) is list for each in (kind, *get_args(kind)))


def may(action: Action) -> Any:
    """The gate as a parameter's dependency."""
    return Depends(Gate(action), scope="function")


def actions_of(dependant: Dependant) -> Iterator[Action]:
    """The actions a route asks for."""
    for each in dependant.dependencies:
        if isinstance(each.call, Gate):
            yield each.call.action
        yield from actions_of(each)


def depends_on(dependant: Dependant, dependency: Callable[..., Any]) -> bool:
    """Whether a route uses a dependency, itself or by another one."""
    return any(each.call is dependency or depends_on(each, dependency) for each in dependant.dependencies)
