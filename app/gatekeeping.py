"""Which route asks for which action of the table of permissions, and why some ask for none.

The application does not start with a route that is in neither list: what was forgotten is not open to everybody.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from app.accounts.gates import actions_of, depends_on
from app.accounts.permissions import NOT_KEPT, OF_ONESELF, PASSES, SEEN_BY, TABLE, Action
from app.accounts.rules import Pass, Role
from app.audit.rules import Act
from app.database import get_session
from app.idempotency.description import describe_key
from app.live.channel import COMMANDS

_PAGE: Final = "open: a page without data, which its modules fetch as the person"
_HEALTH: Final = "open: for operators, says nothing of people"
_DOOR: Final = (
    "`lesson.teach`, `lesson.answer`, `lesson.present` or `lesson.observe`, by the stream, "
    "for who bears the token or grant"
)
_JSON: Final[dict[str, Any]] = {"content": {"application/json": {}}}
_SECRET: Final = "the address is a secret of 256 bits, told to the session's opener only (RFC 9725 §4.1)"

_DEVICE: Final = (
    "open to devices: rated, and nothing comes of it without an administrator or the device's own key"
)

WITHOUT_GATE: Final[Mapping[str, str]] = {
    "/api/v1/token": "open: the door itself, which takes a password",
    "/api/v1/token/revoke": "open: whoever shows a token may end it",
    "/api/v1/session": "open: the door for pages, which takes a password or a token",
    "/api/v1/session/code": "who was vouched for a moment ago, by a signed cookie; takes the code that is owed",
    "/api/v1/password-resets": "open: rated, and tells nobody whether there is such an account",
    "/api/v1/password-resets/finish": "the mailed link's secret of 256 bits, good once",
    "/api/v1/mail-confirmations": "the mailed link's secret of 256 bits, good once",
    "/sign-in/provider": "open: leads to the identity provider",
    "/sign-in/provider/back": "what the identity provider vouches for, to an attempt of the same browser; rated",
    "/sign-in/provider/sign-out": "the provider's own signature; each token counts once, and false ones are rated",
    "/api/v1/terminal-pairings": _DEVICE,
    "/api/v1/terminal-pairings/state": "its secret of 256 bits, told to the device only",
    "/api/v1/terminals/{terminal_id}/challenge": _DEVICE,
    "/api/v1/terminals/{terminal_id}/session": _DEVICE,
    "/api/v1/guest-session": "the link's secret of 256 bits; rated, and good as often as its maker said",
    "/whip/{lesson_id}/{stream}": _DOOR,
    "/whep/{lesson_id}/{stream}": _DOOR,
    "/whip/{lesson_id}/{stream}/{secret}": _SECRET,
    "/whep/{lesson_id}/{stream}/{secret}": _SECRET,
    "/calendars/{secret}.ics": "the address is a secret of 256 bits; it ends with the right of whoever made it",
    "/api/v1/lessons/{lesson_id}/channel": "by the commands of the channel, above",
    "/healthz": _HEALTH,
    "/readyz": _HEALTH,
    "/metrics": "open to private networks only",
    "/openapi.json": "open: the description of this API",
    "/static/{version}/{name}": "open: style sheets and modules",
    "/favicon.ico": "open: the icon",
    "/.well-known/security.txt": "open: whom to tell of a weakness",
    **dict.fromkeys(("/", "/today", "/teach", "/site", "/password", "/access", "/people", "/docs"), _PAGE),
    **dict.fromkeys(("/forgot", "/new-password", "/confirm-mail"), _PAGE),
    **dict.fromkeys(("/terminal", "/terminals", "/guest", "/guests", "/tables", "/reports"), _PAGE),
    **dict.fromkeys(("/timetable", "/calendar", "/bells", "/pairings", "/room", "/county", "/unit"), _PAGE),
    **dict.fromkeys(("/notices", "/feeds"), _PAGE),
}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A route and the action it asks for; none for those of `WITHOUT_GATE`."""

    method: str
    path: str
    action: Action | None


def guarded_routes(routes: Sequence[BaseRoute]) -> Iterator[Guarded]:
    """Every route with its action; raises `LookupError` for one that asks for none and has no reason to."""
    for context in iter_route_contexts(routes):
        route, path = context.original_route, context.path or ""
        actions = sorted(set(actions_of(route.dependant))) if isinstance(route, APIRoute) else []
        if len(actions) != 1 and (actions or path not in WITHOUT_GATE):
            raise LookupError(
                f"{path} asks for {len(actions)} actions of the table of permissions, not for one"
            )
        for method in sorted(context.methods or {"WebSocket"}):
            yield Guarded(method, path, actions[0] if actions else None)


def describe_keys(routes: Sequence[BaseRoute], document: dict[str, Any]) -> None:
    """Say in the OpenAPI document where an `Idempotency-Key` does something, and where its answer is not kept."""
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, APIRoute) and "POST" in (context.methods or ()):
            for action in actions_of(route.dependant):
                operation = document["paths"][context.path]["post"]
                is_json = "application/json" in operation.get("requestBody", _JSON)["content"]
                if is_json and depends_on(route.dependant, get_session):
                    describe_key(operation, kept=action not in NOT_KEPT)


def check(routes: Sequence[BaseRoute]) -> None:
    """Raise `LookupError` for a route that asks for no action and has no reason to."""
    for _ in guarded_routes(routes):
        pass


def describe(routes: Sequence[BaseRoute]) -> str:
    """The table of permissions and the routes behind it, as `docs/permissions.md`."""
    guarded = list(guarded_routes(routes))
    asked = {
        action: ", ".join(f"`{each.method} {each.path}`" for each in guarded if each.action is action)
        for action in Action
    }
    asked |= {
        action: "; ".join(filter(None, (asked[action], *(f"channel `{name}`" for name in names))))
        for action, names in _commands_by_action().items()
    }
    without = {each.path: WITHOUT_GATE[each.path] for each in guarded if each.action is None}
    return "\n".join(
        (
            _INTRODUCTION,
            _row("action", *Role, "everybody signed in", *Pass, "to whom the thing is there"),
            _row(*["---"] * (len(Role) + len(Pass) + 3)),
            *(_action_row(action) for action in Action),
            _ROUTES,
            _row("action", "asked for by"),
            _row("---", "---"),
            *(_row(f"`{action}`", asked[action] or "see the media doors below") for action in Action),
            _OTHERS,
            _row("address", "who may"),
            _row("---", "---"),
            *(_row(f"`{path}`", why) for path, why in without.items()),
            _TRAIL,
            *_acts(),
            "",
        )
    )


def _acts() -> Iterator[str]:
    """The words of the trail, those about one thing in a line."""
    about: dict[str, list[str]] = {}
    for act in Act:
        about.setdefault(act.partition(".")[0], []).append(f"`{act}`")
    for words in about.values():
        yield f"- {', '.join(words)}"


def _commands_by_action() -> dict[Action, list[str]]:
    found: dict[Action, list[str]] = {}
    for name, action in COMMANDS.items():
        found.setdefault(action, []).append(name)
    return found


def _action_row(action: Action) -> str:
    scopes, passes = TABLE.get(action, {}), PASSES.get(action, {})
    own = "own account" if action in OF_ONESELF else "–"
    held = (passes.get(each, "–") for each in Pass)
    seen_by = f"`{SEEN_BY.get(action, action)}`"
    return _row(f"`{action}`", *(scopes.get(role, "–") for role in Role), own, *held, seen_by)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


_INTRODUCTION: Final = """\
# Who may do what

Made by `python -m app permissions > docs/permissions.md` from the one table in `app/accounts/permissions.py`; a test
compares. What stands in no row is allowed to nobody. A role holds on the days of its assignment only.

*Own unit and below*: the org unit of the assignment and everything under it in the tree. *Own lesson*: for a teacher
the lessons they teach, for a site assistant the lessons that reach a site of theirs, for a guest the one of the link.
*Own room*: for a room's terminal the lessons that are given in its room or reach it. Terminals and guests have no
account.

Whoever may not do something is
told 403 when they may know of the thing (last column), and else 404, exactly as for an id that nothing has.

An administrator appoints only below the own office: a bureau admin everybody, a school admin teachers and site
assistants.
"""
_ROUTES: Final = """
## Where each action is asked for
"""
_TRAIL: Final = """
## Words of the trail

What leaves an event, by the word that `GET /api/v1/audit-events?act=` takes.
"""
_OTHERS: Final = """
## Addresses that ask for no action
"""
