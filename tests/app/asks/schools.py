"""Asks of the routes of schools."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    county = scene.county
    unit = {"kind": "school", "parent_id": str(county.county.id), "code": "NEW", "name": "New"}
    room = {"org_unit_id": str(county.school.id), "kind": "main", "code": "NEW", "name": "New"}
    group = {"org_unit_id": str(county.school.id), "name": "New", "grades": [3], "headcount": 20}
    subject = {"code": "Calligraphy", "name_zh": "书法", "name_en": "Calligraphy"}
    counts, term = {"grades": [{"grade": 1, "pupils": 5}]}, f"term_id={county.term.id}"
    return {
        ("PATCH", "/api/v1/org-units/{org_unit_id}"): Ask({"address": "Main Street 1"}),
        ("POST", "/api/v1/org-units/{org_unit_id}/close"): Ask({"closed_from": "2199-01-01"}),
        ("POST", "/api/v1/org-units/{org_unit_id}/reopen"): Ask(),
        ("PATCH", "/api/v1/rooms/{room_id}"): Ask({"seats": 45}),
        ("POST", "/api/v1/rooms/{room_id}/close"): Ask({"closed_from": "2199-01-01"}),
        ("POST", "/api/v1/rooms/{room_id}/reopen"): Ask(),
        ("GET", "/api/v1/subjects"): Ask(at_home=True),
        ("POST", "/api/v1/subjects"): Ask(subject, at_home=True),
        ("GET", "/api/v1/subjects/{subject_id}"): Ask(),
        ("PATCH", "/api/v1/subjects/{subject_id}"): Ask({"name_en": "English"}),
        ("DELETE", "/api/v1/subjects/{subject_id}"): Ask(),
        ("GET", "/api/v1/org-units/{org_unit_id}/curriculum"): Ask(query=term),
        ("PUT", "/api/v1/org-units/{org_unit_id}/curriculum"): Ask({"requirements": []}, query=term),
        ("GET", "/api/v1/org-units/{org_unit_id}/coverage"): Ask(query=term),
        ("GET", "/api/v1/headcounts"): Ask(finds="org_unit_id"),
        ("GET", "/api/v1/org-units/{org_unit_id}/headcounts"): Ask(query=term),
        ("PUT", "/api/v1/org-units/{org_unit_id}/headcounts"): Ask(counts, query=term),
        ("POST", "/api/v1/org-units"): Ask(unit),
        ("GET", "/api/v1/org-units"): Ask(finds="org_unit_id"),
        ("GET", "/api/v1/org-units/{org_unit_id}"): Ask(),
        ("POST", "/api/v1/pupil-groups"): Ask(group),
        ("GET", "/api/v1/pupil-groups"): Ask(finds="pupil_group_id"),
        ("GET", "/api/v1/pupil-groups/{pupil_group_id}"): Ask(),
        ("PATCH", "/api/v1/pupil-groups/{pupil_group_id}"): Ask({"headcount": 41}),
        ("POST", "/api/v1/pupil-groups/{pupil_group_id}/close"): Ask({"closed_from": "2199-01-01"}),
        ("POST", "/api/v1/pupil-groups/{pupil_group_id}/reopen"): Ask(),
        ("POST", "/api/v1/rooms"): Ask(room),
        ("GET", "/api/v1/rooms"): Ask(finds="room_id"),
        ("GET", "/api/v1/rooms/{room_id}"): Ask(),
    }
