"""Admins whom the operator makes at the command line: called as the API calls people, or refused in a line."""

import re

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.__main__ import main
from app.settings import Settings
from tests import factories


def test_an_admin_typed_in_capitals_can_sign_in(
    client: TestClient, session: Session, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    county = factories.county(session)
    session.commit()
    command = ["admin", "create-admin", county.code, " Chen", "--database-url", settings.database_url]
    assert main(command) == 0
    found = re.search(r"Sign in as (\S+) with the password (\S+);", capsys.readouterr().out)
    assert found is not None
    for login in (found[1], "Chen"):
        form = {"username": login, "password": found[2]}
        assert client.post("/api/v1/token", data=form).status_code == 200


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["a b", "Jinzhai"], "'a b' will not do: up to 32 letters"),
        (["341524", " "], "' ' will not do: one line"),
        (["341524", "Jinzhai", "--admin", "li si"], "'li si' will not do: up to 64 letters"),
        (
            ["341524", "Jinzhai", "--time-zone", "Mars/Olympus"],
            "'Mars/Olympus' will not do: a name of the IANA",
        ),
    ],
)
def test_a_county_that_cannot_be_is_told_in_a_line(
    given: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["create-county", *given])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
