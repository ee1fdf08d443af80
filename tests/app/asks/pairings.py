"""Asks of the routes of pairings."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    county = scene.county
    pairing = {
        "main_room_id": str(county.main_room.id),
        "receiving_room_id": str(county.sites[0].room.id),
        "subjects": [],
        "valid_from": county.term.first_day.isoformat(),
        "valid_to": county.term.last_day.isoformat(),
        "capacity": 3,
    }
    wanted = f"site_id={county.school.id}&term_id={county.term.id}&subject=English"
    return {
        ("POST", "/api/v1/pairings"): Ask(pairing),
        ("POST", "/api/v1/pairings/{pairing_id}/accept"): Ask({}),
        ("POST", "/api/v1/pairings/{pairing_id}/decline"): Ask({"reason": "Rain"}),
        ("POST", "/api/v1/pairings/{pairing_id}/approve"): Ask({}),
        ("POST", "/api/v1/pairings/{pairing_id}/suspend"): Ask({"reason": "Rain"}),
        ("POST", "/api/v1/pairings/{pairing_id}/resume"): Ask({}),
        ("POST", "/api/v1/pairings/{pairing_id}/end"): Ask({"reason": "Rain"}),
        ("POST", "/api/v1/pairings/{pairing_id}/renew"): Ask({"valid_to": "2099-01-01"}),
        ("GET", "/api/v1/pairings/suggestions"): Ask(query=wanted),
        ("POST", "/api/v1/pairings/decide"): Ask(
            {"step": "resume", "pairings": [{"id": str(scene.ids["pairing_id"])}]}, at_home=True
        ),
        ("GET", "/api/v1/pairings"): Ask(finds="pairing_id"),
        ("GET", "/api/v1/pairings/{pairing_id}"): Ask(),
    }
