"""Keys that sign tokens: changed without anybody noticing, gone when nothing needs them."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.__main__ import main
from app.accounts.tokens import TokenKind, read, sign
from app.audit.models import AuditEvent
from app.audit.rules import Act
from app.database import SessionFactory
from app.errors import StartupError, Unauthenticated
from app.key_rotation import rotate_if_due
from app.keyring import FILE_NAME, LONGEST_LIFE, Ring, RingFile
from app.keys import Keys, load_keys
from app.settings import Settings

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@given(steps=st.lists(st.tuples(st.timedeltas(timedelta(), 30 * DAY), st.booleans()), max_size=12))
def test_every_token_is_good_for_its_whole_life_unless_keys_are_voided(
    steps: list[tuple[timedelta, bool]],
) -> None:
    ring, now = Ring.new(NOW), NOW
    given_out = [(NOW, ring.newest().kid)]
    for pause, at_once in steps:
        now += pause
        ring = ring.rotated(now, at_once=at_once)
        given_out = [] if at_once else given_out
        given_out.append((now, ring.newest().kid))
        for made_at, kid in given_out:
            if now < made_at + LONGEST_LIFE:
                assert ring.find(kid, now) is not None
        assert len({key.kid for key in ring.keys}) == len(ring.keys)
        assert all(key.good_until is None or key.good_until > now for key in ring.keys)
    assert ring.newest().good_until is None
    later = ring.pruned(now + LONGEST_LIFE)
    assert later.keys == (ring.newest(),)


def test_a_key_whose_time_is_over_verifies_nothing_even_while_the_file_has_it() -> None:
    ring = Ring.new(NOW).rotated(NOW)
    old = ring.keys[1]
    assert ring.find(old.kid, NOW + LONGEST_LIFE - timedelta(seconds=1)) == old
    assert ring.find(old.kid, NOW + LONGEST_LIFE) is None


def test_processes_that_run_see_a_new_key_at_once(tmp_path: Path) -> None:
    here, there = (Keys(b"s" * 32, RingFile(tmp_path)) for _ in range(2))
    before = sign(here, TokenKind.PERSON, {"sub": "x"}, now=NOW, until=NOW + DAY)
    RingFile(tmp_path).rotate(NOW)
    RingFile(tmp_path).rotate(NOW)
    assert isinstance(there.ring, RingFile)
    there.ring.rotate(NOW)
    after = sign(there, TokenKind.PERSON, {"sub": "x"}, now=NOW, until=NOW + DAY)
    for keys in (here, there):
        assert read(keys, TokenKind.PERSON, before, now=NOW) and read(keys, TokenKind.PERSON, after, now=NOW)


def test_after_a_leak_older_tokens_are_void_at_once(tmp_path: Path) -> None:
    keys = Keys(b"s" * 32, RingFile(tmp_path))
    stolen = sign(keys, TokenKind.PERSON, {"sub": "x"}, now=NOW, until=NOW + DAY)
    assert isinstance(keys.ring, RingFile)
    keys.ring.rotate(NOW, at_once=True)
    with pytest.raises(Unauthenticated):
        read(keys, TokenKind.PERSON, stolen, now=NOW)
    assert len(json.loads((tmp_path / FILE_NAME).read_text())["keys"]) == 1


def test_of_processes_that_rotate_together_one_does(tmp_path: Path) -> None:
    old = RingFile(tmp_path).newest()
    code = f"from datetime import *; from pathlib import Path; from app.keyring import RingFile; " \
           f"RingFile(Path({str(tmp_path)!r})).rotate_if_older(" \
           f"timedelta(days=1), datetime.now(UTC) + timedelta(days=2))"  # fmt: skip

    def start(_number: int) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(start, range(3)))
    items = json.loads((tmp_path / FILE_NAME).read_text())["keys"]
    assert [item["kid"] for item in items[1:]] == [old.kid]


@pytest.mark.parametrize("content", ["", "{}", '{"keys": []}', '{"keys": [{"kid": "a"}]}', "[1]"])
def test_a_damaged_ring_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(StartupError, match="signing-keys.json"):
        load_keys(tmp_path)


def test_a_ring_that_is_damaged_while_running_changes_nothing(tmp_path: Path) -> None:
    ring = RingFile(tmp_path)
    (tmp_path / FILE_NAME).write_text("half")
    assert ring.find("unknown", NOW) is None
    assert ring.find(ring.newest().kid, NOW) is not None


def test_the_command_rotates_and_leaves_a_trace(
    settings: Settings, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--data-dir", str(settings.data_dir), "--database-url", settings.database_url]
    assert main(["admin", "rotate-keys", "--at-once", *places]) == 0
    newest = RingFile(settings.data_dir).newest().kid
    assert f"Key {newest} signs from now on" in capsys.readouterr().out
    event = session.scalars(select(AuditEvent).where(AuditEvent.act == Act.KEYS_ROTATED)).one()
    assert newest in (event.after or "")


def test_a_key_that_has_signed_for_long_is_changed_by_itself(
    tmp_path: Path, session_factory: SessionFactory, session: Session
) -> None:
    ring = RingFile(tmp_path)
    made_at = ring.newest().made_at
    assert rotate_if_due(session_factory, ring, 30, made_at + 29 * DAY) is None
    key = rotate_if_due(session_factory, ring, 30, made_at + 30 * DAY)
    assert key == ring.newest()
    event = session.scalars(select(AuditEvent).where(AuditEvent.act == Act.KEYS_ROTATED)).one()
    assert '"by_itself":true' in (event.after or "")
