"""Routes found by the first words of an address are those that going through all of them would find."""

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match

from app.main import ROUTERS
from app.routing import RoutesByWord


def test_each_address_is_answered_by_the_first_route_that_takes_it() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    by_word = RoutesByWord(APIRouter(routes=routes))
    asked = 0
    for route in routes:
        if not isinstance(route, APIRoute) or not route.path.startswith("/api/v1/"):
            continue
        path = route.path.replace("{", "").replace("}", "")
        for method in sorted(route.methods or ()):
            scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
            first = next(each for each in routes if each.matches(scope)[0] is Match.FULL)
            found = by_word.find(scope)
            assert found is not None
            assert found[0] is first, path
            asked += 1
    assert asked > 100


def test_others_are_left_to_the_router() -> None:
    by_word = RoutesByWord(APIRouter(routes=[route for router in ROUTERS for route in router.routes]))
    for method, path in (
        ("GET", "/healthz"),
        ("GET", "/api/v1/nothing"),
        ("PATCH", "/api/v1/me/"),
        ("GET", "/"),
    ):
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
        assert by_word.find(scope) is None
