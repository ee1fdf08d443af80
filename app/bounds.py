"""A bound on the size of request bodies, for every route."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooLarge, render

MAX_BODY = 1024 * 1024


class BodyBound:
    """ASGI middleware: answers 413 instead of reading a body over the bound into memory."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        size = 0
        over = False

        async def bounded_receive() -> Message:
            # A chunked body declares nothing: it is cut off at the bound, and the answer replaced below.
            nonlocal size, over
            message = await receive()
            size += len(message.get("body", b""))
            over = over or size > self._limit
            return {"type": "http.request", "body": b"", "more_body": False} if over else message

        async def replacing_send(message: Message) -> None:
            if not over:
                await send(message)

        await self._app(scope, bounded_receive, replacing_send)
        if over:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"The body is over the bound of {self._limit} bytes."
        # Closing is what keeps uvicorn from receiving the rest, which nobody reads.
        error = TooLarge("request.too_large", "Too large", detail, headers={"Connection": "close"})
        await render(error)(scope, receive, send)
