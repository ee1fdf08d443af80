"""Which routes an address can be of, told by its first words: there are hundreds of routes, and one after the other
was asked."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Receive, Scope, Send

_API: Final = ("", "api", "v1")

Instead = Callable[[Scope, Send], Awaitable[bool]]
"""Answers a request in the place of its route, which the scope names; False when the route has to."""


class RoutesByWord:
    """The application's routes: those of the API are looked for among the ones with the same first word, in order.

    What none of them answers is left to the router, which knows of wrong methods, slashes and everything else.
    """

    def __init__(self, router: Router, instead: Instead | None = None) -> None:
        self._router, self._others = router, router.middleware_stack
        self._instead = instead
        self._by_word: defaultdict[str, list[BaseRoute]] = defaultdict(list)
        for route in router.routes:
            word = _word(route.path) if isinstance(route, Route) else None
            if word is not None:
                assert "{" not in word, f"{word} would have to be tried for every address"
                self._by_word[word].append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope) if scope["type"] == "http" else None
        if found is None:
            await self._others(scope, receive, send)
            return
        route, child = found
        scope.setdefault("router", self._router)
        scope.update(child)
        if self._instead is None or not await self._instead(scope, send):
            await route.handle(scope, receive, send)

    def find(self, scope: Scope) -> tuple[BaseRoute, Scope] | None:
        """The route that answers a request, and what it makes of the address."""
        for route in self._by_word.get(_word(scope["path"]) or "", ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return route, child
        return None


def route_by_words(api: FastAPI, instead: Instead | None = None) -> None:
    """Let an application look for routes so; all of them have to be there."""
    api.router.middleware_stack = RoutesByWord(api.router, instead)


def _word(path: str) -> str | None:
    """The word behind /api/v1/; None for another address."""
    parts = path.split("/", 4)
    return parts[3] if len(parts) > 3 and tuple(parts[:3]) == _API else None
