"""The outbox loses nothing when its server is killed; more stories by `python -m tests.crashes`."""

from pathlib import Path

from tests.crashes.outbox import MOMENTS, moments_of, story

# The two between which a delivery is done and not known to be; one for each database.
HARDEST = {"sqlite": "when it has answered", "postgresql": "when the receiver is asked"}


def test_whoever_was_to_be_told_is_told_after_a_kill(tmp_path: Path, database_url: str) -> None:
    moment = HARDEST[database_url.partition("+")[0].partition(":")[0]]
    told = story(tmp_path, database_url, seed=7, moments=(moment,))
    assert told.changes == 2


def test_stories_come_to_every_moment() -> None:
    assert {moment for seed in (1, 2) for moment in moments_of(seed, kills=3)} == set(MOMENTS)
