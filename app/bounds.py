"""A bound on the size of request bodies, for every route."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooLarge, render

MAX_BODY = 1024 * 1024


class BodyBound:
    """ASGI middleware: answers 413 instead of reading a body over the bound into memory.

    `larger` are the paths whose bodies are read piece by piece, with a bound of their own.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > limit:
            await _refuse(limit, scope, receive, send)
            return
        size = 0
        over = False

        async def bounded_receive() -> Message:
            # A chunked body declares nothing: it is cut off at the bound, and the answer replaced below.
            nonlocal size, over
            message = await receive()
            size += len(message.get("body", b""))
            if size <= limit:
                return message
            if over:
                return {"type": "http.request", "body": b"", "more_body": False}
            over = True
            raise _too_large(limit)  # or what came so far would pass for the whole

        async def replacing_send(message: Message) -> None:
            if not over:
                await send(message)

        try:
            await self._app(scope, bounded_receive, replacing_send)
        except TooLarge:  # our own, through a middleware that reads the body itself
            if not over:
                raise
        if over:
            await _refuse(limit, scope, receive, send)


def _too_large(limit: int) -> TooLarge:
    detail = f"The body is over the bound of {limit} bytes."
    # Closing is what keeps uvicorn from receiving the rest, which nobody reads.
    return TooLarge("request.too_large", "Too large", detail, headers={"Connection": "close"})


async def _refuse(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    await render(_too_large(limit))(scope, receive, send)
