"""Pupil groups over REST."""

from typing import Any

from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.keys import Keys
from tests import factories


def test_combined_classes_are_named_once(client: TestClient, session: Session, keys: Keys) -> None:
    county = factories.county(session)
    site = factories.teaching_site(session, factories.school(session, county))
    bureau = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    session.commit()

    def add(**changes: Any) -> Any:
        body = {"org_unit_id": str(site.id), "name": "一二年级", "grades": [2, 1], "headcount": 9} | changes
        return client.post("/api/v1/pupil-groups", headers=bureau, json=body).json()

    made = add()
    assert (made["grades"], made["headcount"]) == ([1, 2], 9)
    assert client.get(f"/api/v1/pupil-groups/{made['id']}", headers=bureau).json() == made
    assert add()["code"] == "pupil_group.name_taken"
    other = add(name="三年级", grades=[3])
    first = client.get("/api/v1/pupil-groups?limit=1", headers=bureau).json()
    rest = client.get(f"/api/v1/pupil-groups?limit=1&after={first['next']}", headers=bureau).json()
    assert {each["id"] for each in first["items"] + rest["items"]} == {made["id"], other["id"]}

    def named(query: str) -> set[str]:
        return {
            each["name"]
            for each in client.get(f"/api/v1/pupil-groups?{query}", headers=bureau).json()["items"]
        }

    assert named("name=二年") == {"一二年级"} and named("name=%25") == set()
    assert named(f"name={site.name.upper()}") == named(f"unit_id={site.id}&unit_id={county.id}") == named("")
    assert named(f"unit_id={county.id}") == set()
    leaves = client.post(
        f"/api/v1/pupil-groups/{other['id']}/close", headers=bureau, json={"closed_from": "2027-07-01"}
    )
    assert leaves.json()["closed_from"] == "2027-07-01"
    assert (named("on=2027-06-30"), named("on=2027-07-01")) == ({"一二年级", "三年级"}, {"一二年级"})
    client.post(f"/api/v1/pupil-groups/{other['id']}/reopen", headers=bureau)
    assert (
        client.get("/api/v1/pupil-groups?after=WyJ4Il0", headers=bureau).json()["code"] == "page.bad_cursor"
    )
    change = client.patch(
        f"/api/v1/pupil-groups/{made['id']}",
        headers=bureau | {"If-Match": '"1"'},
        json={"grades": [3, 1], "headcount": 11},
    ).json()
    assert (change["grades"], change["headcount"]) == ([1, 3], 11)
    assert change["name"] == made["name"]
    for wanted, code in (
        ({"name": "三年级"}, "pupil_group.name_taken"), ({"name": None}, "request.invalid"), ({}, "request.invalid"),
        ({"grades": None}, "request.invalid"), ({"org_unit_id": str(site.id)}, "request.invalid"),
    ):  # fmt: skip
        answer = client.patch(f"/api/v1/pupil-groups/{made['id']}", headers=bureau, json=wanted)
        assert answer.json()["code"] == code, wanted
    stale = client.patch(
        f"/api/v1/pupil-groups/{made['id']}", headers=bureau | {"If-Match": '"1"'}, json={"headcount": 1}
    )
    assert stale.json()["code"] == "version.stale"
    refused: list[dict[str, Any]] = [
        {"grades": []}, {"grades": [1, 1]}, {"grades": [13]}, {"headcount": -1}, {"name": " "},
    ]  # fmt: skip
    for changes in refused:
        assert add(**changes)["code"] == "request.invalid", changes
    assert add(org_unit_id=str(county.id))["code"] == "pupil_group.wrong_place"
