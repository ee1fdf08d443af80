"""Asks of the routes of live."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(_: Scene) -> Asks:
    return {
        ("GET", "/api/v1/lessons/{lesson_id}/join"): Ask(),
        ("GET", "/api/v1/lessons/{lesson_id}/quality"): Ask(),
        ("GET", "/api/v1/relay-nodes"): Ask(at_home=True),
        ("POST", "/api/v1/relay-nodes/{index}/drain"): Ask({"move": True}, at_home=True),
        ("DELETE", "/api/v1/relay-nodes/{index}/drain"): Ask(at_home=True),
    }
