"""Asks of the routes of schools."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    county = scene.county
    unit = {"kind": "school", "parent_id": str(county.county.id), "code": "NEW", "name": "New"}
    room = {"org_unit_id": str(county.school.id), "kind": "main", "code": "NEW", "name": "New"}
    group = {"org_unit_id": str(county.school.id), "name": "New", "grades": [3], "headcount": 20}
    return {
        ("POST", "/api/v1/org-units"): Ask(unit),
        ("GET", "/api/v1/org-units"): Ask(finds="org_unit_id"),
        ("GET", "/api/v1/org-units/{org_unit_id}"): Ask(),
        ("POST", "/api/v1/pupil-groups"): Ask(group),
        ("GET", "/api/v1/pupil-groups"): Ask(finds="pupil_group_id"),
        ("GET", "/api/v1/pupil-groups/{pupil_group_id}"): Ask(),
        ("POST", "/api/v1/rooms"): Ask(room),
        ("GET", "/api/v1/rooms"): Ask(finds="room_id"),
        ("GET", "/api/v1/rooms/{room_id}"): Ask(),
    }
