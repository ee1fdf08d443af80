"""The outbox loses nothing when its server is killed; more seeds by `python -m tests.crashes`."""

from pathlib import Path

from tests.crashes.outbox import story


def test_whoever_was_to_be_told_is_told_after_a_kill(tmp_path: Path, database_url: str) -> None:
    told = story(tmp_path, database_url, seed=7, kills=1)
    assert told.changes == 2
