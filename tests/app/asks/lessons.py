"""Asks of the routes of lessons."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    county, lesson = scene.county, "/api/v1/lessons/{lesson_id}"
    moved = {"date": county.term.first_day.isoformat(), "period": 2}
    return {
        ("GET", "/api/v1/lessons"): Ask(query="limit=200", finds="lesson_id"),
        ("GET", "/api/v1/lessons/current"): Ask(finds="lesson_id"),
        ("GET", "/api/v1/lessons/{lesson_id}"): Ask(),
        ("POST", "/api/v1/lessons/{lesson_id}/guest-links"): Ask({"role": "observer", "name": "Guest"}),
        ("GET", "/api/v1/lessons/{lesson_id}/guest-links"): Ask(),
        ("POST", "/api/v1/guest-links/{link_id}/revoke"): Ask(),
        ("POST", "/api/v1/lessons/{lesson_id}/end"): Ask(),
        ("POST", "/api/v1/lessons/cancel"): Ask(
            {
                "org_unit_id": str(county.school.id),
                "date": county.term.first_day.isoformat(),
                "reason": "Snow",
                "others": "leave",
            }
        ),
        ("POST", f"{lesson}/cancel"): Ask({"reason": "Snow"}),
        ("POST", f"{lesson}/move"): Ask(moved),
        ("POST", f"{lesson}/make-up"): Ask(moved),
        ("POST", f"{lesson}/substitute"): Ask({"teacher_id": str(county.teacher.id)}),
        ("POST", f"{lesson}/rooms"): Ask({"main_room_id": str(county.main_room.id)}),
        ("POST", f"{lesson}/sites"): Ask({"drop_site_ids": [str(county.sites[0].unit.id)]}),
    }
