"""Turns to write to SQLite: whoever has waited longest is next, and who gives up is not in the way."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import database
from app.database import make_engine
from app.turns import FairConnection, Turns
from tests.patience import PATIENCE

CROWD = 20


def _wait_until_waiting(turns: Turns, number: int) -> None:
    end = time.monotonic() + PATIENCE
    while turns.waiting != number:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns, came = Turns(), list[int]()

    def take(number: int) -> None:
        assert turns.take(PATIENCE)
        came.append(number)
        turns.give_back()

    assert turns.take(0)
    with ThreadPoolExecutor(CROWD) as crowd:
        for number in range(CROWD):
            crowd.submit(take, number)
            _wait_until_waiting(turns, number + 1)
        assert not turns.take(0.01)  # whoever gives up leaves the queue
        turns.give_back()
    assert came == list(range(CROWD))
    assert turns.take(0)


def test_a_turn_ends_with_its_transaction_however_that_ends(tmp_path: Path) -> None:
    turns = Turns()
    first, second = (
        FairConnection(str(tmp_path / "a.db"), isolation_level=None, turns=turns) for _ in range(2)
    )
    for end in (first.commit, first.rollback, first.close):
        first.take_turn(0)
        first.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            second.take_turn(0.01)
        end()
        second.take_turn(0)
        second.end_turn()
    second.close()


def test_a_crowd_that_writes_is_not_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'crowd.db'}", wait_seconds=PATIENCE)
    monkeypatch.setattr(database, "_LOCK_WAIT_MS", int(PATIENCE * 1000))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counts (n INTEGER)"))
        connection.execute(text("INSERT INTO counts VALUES (0)"))

    def count(_: int) -> None:
        with engine.begin() as connection:
            seen = connection.execute(text("SELECT n FROM counts")).scalar_one()
            connection.execute(text("UPDATE counts SET n = :n"), {"n": seen + 1})

    with ThreadPoolExecutor(CROWD) as crowd:
        list(crowd.map(count, range(10 * CROWD)))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM counts")).scalar_one() == 10 * CROWD

    # Another process holds the file: told after a while, and whoever comes next may write.
    monkeypatch.setattr(database, "_LOCK_WAIT_MS", 50)
    impatient = make_engine(engine.url)
    other = sqlite3.connect(tmp_path / "crowd.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(OperationalError, match="locked"), impatient.begin():
            pass
    other.rollback()
    other.close()
    count(0)
    with impatient.begin():
        pass
    impatient.dispose()
    engine.dispose()
