"""ASGI middleware: a POST with `Idempotency-Key` is answered once it is committed, and the second time as the first.

Requests without the field, and those that are not JSON, pass through untouched. Who may not ask is refused by the
gate before anything is looked up.
"""

from contextlib import AsyncExitStack
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database import LENDER, Lender
from app.errors import DATABASE_TROUBLE, BadRequest, Watch, database_trouble, render, unwatched
from app.idempotency.attempts import ATTEMPT, Attempt, Running
from app.idempotency.rules import Answer, Request, read_key, request_of
from app.threads import finish_in_threadpool

FIELD: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}

_FIELD: Final = FIELD.lower().encode()
_JSON: Final = b"application/json"


class OnlyOnce:
    """Does what has a key once, for those routes that write through the session of the request."""

    def __init__(self, app: ASGIApp, watch: Watch = unwatched) -> None:
        self._app = app
        self._watch = watch
        self._running = Running()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        field = _field_of(scope)
        if field is None:
            await self._app(scope, receive, send)
            return
        key = read_key(field)
        if key is None:
            await render(_bad_key())(scope, receive, send)
            return
        body = await _whole(receive)
        if body is None:
            return
        request = request_of(key, scope["path"].encode(), scope["query_string"], body)
        await self._attempt(scope, request, body, receive, send)

    async def _attempt(
        self, scope: Scope, request: Request, body: bytes, receive: Receive, send: Send
    ) -> None:
        attempt = Attempt(request, self._running)
        messages: list[Message] = []
        body_left = [body]

        async def replay() -> Message:
            if body_left:
                return {"type": "http.request", "body": body_left.pop(), "more_body": False}
            return await receive()

        async def collect(message: Message) -> None:
            messages.append(message)

        async with AsyncExitStack() as until_ended:
            scope[ATTEMPT], scope[LENDER] = attempt, Lender(attempt.lend, until_ended)
            try:
                await self._app(scope, replay, collect)
                instead = await self._finish(scope, attempt, messages)
            finally:
                await finish_in_threadpool(attempt.end)
        if instead is not None:
            await instead(scope, receive, send)
            return
        for message in messages:
            await send(message)

    async def _finish(self, scope: Scope, attempt: Attempt, messages: list[Message]) -> Response | None:
        """Commit what was done; returns what is to be sent instead of the messages, if anything."""
        if attempt.answer is not None and attempt.answer.body is not None:
            return _again(attempt.answer)
        if messages:
            try:
                await finish_in_threadpool(attempt.finish, *_answer_in(messages))
            except DATABASE_TROUBLE as error:
                trouble = database_trouble(error)
                self._watch(HTTPConnection(scope), trouble)
                return render(trouble)
        return None


def _field_of(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if _FIELD not in headers or not headers.get(b"content-type", _JSON).startswith(_JSON):
        return None  # files are not read into memory here
    return headers[_FIELD].decode("latin-1")


async def _whole(receive: Receive) -> bytes | None:
    """The body, bounded by `app.bounds`; None: the client is gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _answer_in(messages: list[Message]) -> tuple[Answer, bool]:
    """What is about to be sent, and whether it says nothing against being kept."""
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in messages[0]["headers"]
    }
    body = b"".join(each.get("body", b"") for each in messages[1:])
    return Answer(messages[0]["status"], headers, body.decode()), "no-store" not in headers.get(
        "cache-control", ""
    )


def _again(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, **REPLAYED})


def _bad_key() -> BadRequest:
    return BadRequest(
        "idempotency.bad_key",
        "Not a key",
        f"{FIELD} takes up to 255 visible ASCII characters without quotes in them, such as a UUID.",
    )
