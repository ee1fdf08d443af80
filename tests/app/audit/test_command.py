"""`python -m app admin verify-audit`: what an operator sees, and what a schedule can rely on."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from app.__main__ import main
from app.database import make_engine


@pytest.fixture
def database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    url = f"sqlite:///{tmp_path / 'tongtang.db'}"
    arguments = ["create-county", "341524", "Jinzhai", "--data-dir", str(tmp_path), "--database-url", url]
    assert main(arguments) == 0
    capsys.readouterr()
    return url


def verify(url: str, *more: str) -> int:
    return main(["admin", "verify-audit", "--database-url", url, *more])


def test_a_whole_trail_prints_where_it_ends(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(database) == 0
    line = capsys.readouterr().out
    assert re.fullmatch(r"341524:1:[0-9a-f]{64}\n", line)
    assert verify(database, "--anchor", line.strip()) == 0
    # The log is told the same once a day, and may be kept where nobody who owns the database can change it.
    assert main(["admin", "chores", "--run", "tell-anchors", "--database-url", database]) == 0
    assert f"anchor={line.strip()}" in re.sub(r"\x1b\[\d*m", "", capsys.readouterr().err)
    assert verify(database, "--anchor", f"341524:2:{'0' * 64}") == 1
    assert "341524: event 2 is missing" in capsys.readouterr().err


def test_tampering_is_told_and_ends_in_failure(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    engine = make_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_events_update"))
        connection.execute(text("UPDATE audit_events SET address = '10.0.0.1'"))
    engine.dispose()
    assert verify(database) == 1
    assert capsys.readouterr().err == "tongtang: 341524: event 1 was changed\n"


def test_what_is_no_anchor_and_no_trail_is_one_line(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(database, "--anchor", "nonsense") == 2
    assert verify(f"sqlite:///{tmp_path / 'empty.db'}") == 2
    said = capsys.readouterr().err.splitlines()
    assert "nonsense is not a line" in said[0]
    assert "the trail cannot be read" in said[1]
