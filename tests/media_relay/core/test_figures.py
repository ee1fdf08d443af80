"""What is counted between two samples."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.figures import ONE_FREEZE, STALL, Figures, Freezes, LossShare


def test_loss_is_the_share_of_all_sources_since_it_was_last_asked_for() -> None:
    loss = LossShare()
    assert loss.take() == 0.0, "nothing was expected"
    loss.note(1, 1_000, 10)
    loss.note(2, 5_000, 0)
    assert loss.take() == 0.0, "what was before the first report is nobody's"
    loss.note(1, 1_050, 15)
    loss.note(2, 5_150, 5)
    assert loss.take() == pytest.approx(10 / 200)
    assert loss.take() == 0.0


def test_reports_wrap_and_repeats_make_no_negative_loss() -> None:
    loss = LossShare()
    loss.note(1, (1 << 32) - 10, 3)
    loss.note(1, 90, 8)
    assert loss.take() == pytest.approx(0.05)
    loss.note(1, 190, 2)
    assert loss.take() == 0.0


@given(st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(-(1 << 23), (1 << 23) - 1))))
def test_a_lying_report_gives_a_share_all_the_same(reports: list[tuple[int, int]]) -> None:
    loss = LossShare()
    for expected, lost in reports:
        loss.note(1, expected, lost)
        assert 0.0 <= loss.take() <= 1.0


def test_a_keyframe_asked_for_in_the_middle_of_pictures_is_a_freeze() -> None:
    freezes = Freezes(0.0)
    freezes.asks_keyframe(1.0, playing=False)
    assert freezes.count == 0, "who waits for a first picture sees none stand still"
    for asked_at in (5.0, 5.3, 5.6, 6.4):
        freezes.asks_keyframe(asked_at, playing=True)
    assert freezes.count == 1, "asked again and again for the same one"
    freezes.asks_keyframe(6.4 + ONE_FREEZE + 0.1, playing=True)
    assert freezes.count == 2


def test_silence_amid_pictures_is_one_freeze_however_long() -> None:
    freezes = Freezes(0.0)
    rng = random.Random(3)
    now = 0.0
    while now < 20.0:
        now += rng.uniform(0.7, 1.3)  # as players report
        freezes.hear(now)
        freezes.look(now + 0.2, playing=True)
    assert freezes.count == 0
    silent_since = now
    while now < silent_since + STALL + 30.0:
        now += 0.2
        freezes.look(now, playing=True)
    freezes.hear(now)
    freezes.asks_keyframe(now + 0.1, playing=True)
    assert freezes.count == 1, "and the keyframe it needs then belongs to it"


def test_silence_is_no_sign_while_there_is_nothing_to_report_on() -> None:
    freezes = Freezes(0.0)
    for now in range(60):
        freezes.look(float(now), playing=False)
    freezes.look(60.0 + STALL / 2, playing=True)
    assert freezes.count == 0


def test_a_sample_takes_what_was_counted_and_begins_the_next() -> None:
    figures = Figures(0.0)
    assert figures.added({1: 70_000}) == 0, "what was there before is not this session's"
    assert figures.take(10.0) == (0.0, 0.0, 0, 0)
    figures.repaired += 3
    figures.freezes.asks_keyframe(11.0, playing=True)
    figures.loss.note(1, 0, 0)
    figures.loss.note(1, 100, 1)
    assert figures.added({1: 75_000, 2: 9_000_000}) == 5_000
    assert figures.added({2: 9_001_000}) == 1_000
    assert figures.added({1: 99_000, 2: 9_001_000}) == 0, "what came while it was not given does not count"
    assert figures.take(15.0) == (5.0, 0.01, 1, 3)
    assert figures.take(20.0) == (5.0, 0.0, 0, 0)
