"""Asks of the routes of named pupils."""

from tests.app.asks.scene import Ask, Asks, Scene
from tests.consents import consent


def asks(scene: Scene) -> Asks:
    school = str(scene.county.school.id)
    pupil = {"org_unit_id": school, "name": "小明", "grade": 3, "consent": consent()}
    return {
        ("POST", "/api/v1/pupils"): Ask(pupil),
        ("GET", "/api/v1/pupils"): Ask(query=f"org_unit_id={school}&purpose=class_list"),
        ("GET", "/api/v1/pupils/{pupil_id}"): Ask(),
        ("POST", "/api/v1/pupils/{pupil_id}/consent"): Ask(consent()),
        ("POST", "/api/v1/pupils/{pupil_id}/erase"): Ask({"reason": "left"}, gone=True),
    }
