"""Asks of the routes of calendar feeds."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    feed = {"whose": "room", "subject_id": str(scene.county.main_room.id)}
    return {
        ("POST", "/api/v1/calendar-feeds"): Ask(feed),
        ("GET", "/api/v1/calendar-feeds"): Ask(finds="feed_id"),
        ("DELETE", "/api/v1/calendar-feeds/{feed_id}"): Ask(),
    }
