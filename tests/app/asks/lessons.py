"""Asks of the routes of lessons."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(_: Scene) -> Asks:
    return {
        ("GET", "/api/v1/lessons"): Ask(query="limit=200", finds="lesson_id"),
        ("GET", "/api/v1/lessons/current"): Ask(finds="lesson_id"),
        ("GET", "/api/v1/lessons/{lesson_id}"): Ask(),
        ("POST", "/api/v1/lessons/{lesson_id}/end"): Ask(),
        ("POST", "/api/v1/lessons/{lesson_id}/cancel"): Ask({"reason": "Snow"}),
    }
