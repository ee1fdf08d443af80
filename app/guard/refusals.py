"""How a request is refused before the application sees it, over HTTP and before a WebSocket is open."""

from starlette.types import Receive, Scope, Send

from app.errors import AppError, TooManyRequests, render


async def refuse(error: AppError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with problem details; a WebSocket is not opened, and the answer to its handshake is the same."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    await render(error)(scope, receive, send)


def too_many(limit: str, wait: float) -> TooManyRequests:
    """The answer to whoever is over a limit; `wait` is in seconds."""
    seconds = int(wait) + 1
    return TooManyRequests(
        "limit.reached",
        "Too many requests",
        f"This is over the limit {limit}; try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
        limit=limit,
    )
