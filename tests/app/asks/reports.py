"""Asks of the routes of reports."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    term = f"term_id={scene.county.term.id}"
    school = f"{term}&org_unit_id={scene.county.school.id}"
    return {
        ("GET", "/api/v1/reports/coverage"): Ask(query=school),
        ("GET", "/api/v1/reports/coverage/cells"): Ask(query=school),
        ("GET", "/api/v1/reports/unserved"): Ask(query=school),
        ("GET", "/api/v1/reports/unassigned"): Ask(query=school),
        ("GET", "/api/v1/reports/rooms"): Ask(query=school),
        ("GET", "/api/v1/reports/workbook"): Ask(query=school),
        ("GET", "/api/v1/reports/lessons"): Ask(query=f"{term}&main_room_id={scene.county.main_room.id}"),
    }
