"""A database that cannot take a write in time: told as such, and nothing is changed."""

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.accounts.rules import Role
from app.database import SessionFactory, take_turns
from app.keys import Keys
from tests import factories


@pytest.mark.slow
def test_a_writer_that_waits_too_long_is_told_to_try_again(
    client: TestClient, session_factory: SessionFactory, keys: Keys
) -> None:
    with session_factory.begin() as session:
        county = factories.county(session)
        bureau = factories.bearer(keys, factories.person(session, county, Role.BUREAU_ADMIN))
    term = {"name": "Autumn", "first_day": "2026-09-01", "last_day": "2027-01-22"}
    with session_factory.begin() as someone:
        take_turns(someone, [county.id])
        someone.execute(text("SELECT 1"))  # a transaction starts with its first statement
        refused = client.post("/api/v1/terms", headers=bureau, json=term)
    assert (refused.status_code, refused.json()["code"]) == (503, "database.unavailable")
    assert refused.headers["Retry-After"] == "2"
    assert client.get("/api/v1/terms", headers=bureau).json()["items"] == []
    assert client.post("/api/v1/terms", headers=bureau, json=term).status_code == 201
