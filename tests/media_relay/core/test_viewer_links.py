"""What a page is shown over good and bad links: minutes of virtual time, with feedback as a browser gives it."""

from __future__ import annotations

import pytest

from media_relay.core.pacing import FIRST_FEEDBACK, FIRST_WINDOW
from tests.link import Conditions
from tests.media_relay.core.bandwidth_lab import Heard, Lab

NEAR = 0.020
LARGE = 62_000
"""Bytes of a keyframe."""
CALM_CHANGES_A_MINUTE = 2


def assert_calm(heard: Heard, begin: float, end: float) -> None:
    """The picture does not flap."""
    assert heard.changes(begin, end) <= CALM_CHANGES_A_MINUTE * (end - begin) / 60, heard.rungs


@pytest.mark.parametrize("rate", [3e6, 10e6])
def test_a_link_that_carries_everything_gives_the_full_picture_at_once_and_always(rate: float) -> None:
    lab = Lab(Conditions(rate=rate, delay=NEAR))
    main = lab.join("main").heard
    lab.run(80)
    assert [rung for _, rung, _ in main.rungs] == ["full"]
    assert main.late_sound(1, 79) == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_link_that_breaks_down_keeps_its_sound_and_gets_its_picture_back(seed: int) -> None:
    lab = Lab(Conditions(rate=3e6, delay=NEAR), seed=seed)
    main = lab.join("main").heard
    lab.run(20)
    lab.change(Conditions(rate=300e3, delay=NEAR))
    lab.run(50)
    lab.change(Conditions(rate=3e6, delay=NEAR))
    lab.run(110)
    assert main.late_sound(22.5, 110) <= 0.001, "unbroken two seconds after the link broke down"
    assert main.rung_at(25) == main.rung_at(49) == "low"
    assert main.video_bitrate(25, 50) > 120_000, "low but live"
    assert main.rung_at(65) == "full", "within fifteen seconds"
    assert_calm(main, 24, 50)
    assert main.changes(65, 110) == 0
    reasons = [reason for at, _, reason in main.rungs if at > 20]
    assert reasons[0] == "congestion" and reasons[-1] == "recovered"


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.10])
def test_loss_by_chance_is_no_congestion(loss: float) -> None:
    lab = Lab(Conditions(loss=loss, delay=0.050), Conditions(loss=loss, delay=0.050))
    main = lab.join("main").heard
    lab.run(100)
    assert [rung for _, rung, _ in main.rungs] == ["full"]


def test_jitter_is_no_congestion() -> None:
    jitter = Conditions(jitter=0.050, delay=NEAR)
    lab = Lab(jitter, jitter)
    main = lab.join("main").heard
    lab.run(100)
    assert [rung for _, rung, _ in main.rungs] == ["full"]


def test_jitter_on_a_narrow_link_does_not_make_it_flap() -> None:
    lab = Lab(Conditions(jitter=0.050, delay=NEAR, rate=1e6))
    main = lab.join("main").heard
    lab.run(100)
    assert main.rung_at(100) == "middle"
    assert_calm(main, 5, 100)


def test_outages_of_half_a_second_change_nothing() -> None:
    outages = Conditions(burst_every=10, burst_seconds=0.5, delay=NEAR)
    lab = Lab(outages, outages)
    main = lab.join("main").heard
    lab.run(100)
    assert [rung for _, rung, _ in main.rungs] == ["full"]


def test_a_link_that_is_gone_for_seconds_is_as_good_as_before_when_it_is_back() -> None:
    lab = Lab(Conditions(rate=10e6, delay=NEAR))
    main = lab.join("main").heard
    lab.run(10)
    lab.change(Conditions(loss=1.0))
    lab.run(14)
    assert main.rung_at(13.9) == "audio_only"
    lab.change(Conditions(rate=10e6, delay=NEAR))
    lab.run(60)
    assert main.rung_at(17) == "full"
    assert main.changes(17, 60) == 0


def test_a_very_narrow_link_carries_sound() -> None:
    lab = Lab(Conditions(rate=150e3, delay=NEAR))
    main = lab.join("main").heard
    lab.run(120)
    assert main.late_sound(8, 119) == 0
    assert_calm(main, 8, 120)


def test_what_fits_the_narrow_link_beside_the_sound_is_shown() -> None:
    lab = Lab(Conditions(rate=150e3, delay=NEAR))
    main = lab.join("main", (50_000, 600_000, 2_500_000)).heard
    lab.run(120)
    assert main.rung_at(60) == "low"
    assert main.late_sound(15, 120) <= 0.01


@pytest.mark.parametrize("seed", range(2))
def test_two_streams_share_a_link_by_their_importance(seed: int) -> None:
    lab = Lab(Conditions(rate=1e6, delay=NEAR), seed=seed)
    bitrates = 150_000, 550_000, 2_500_000
    board, main = lab.join("board", bitrates).heard, lab.join("main", bitrates).heard
    lab.run(60)
    assert (main.rung_at(30), board.rung_at(30)) == ("middle", "low")
    lab.prefer("board")
    lab.run(120)
    assert (main.rung_at(62), board.rung_at(62)) == ("low", "middle")
    assert "preferred" in [reason for at, _, reason in board.rungs if at >= 60]
    for heard in (main, board):
        assert heard.late_sound(3, 120) <= 0.01
        assert_calm(heard, 5, 59)
        assert_calm(heard, 62, 120)


@pytest.mark.parametrize("queue_seconds", [0.05, 0.3, 1.0])
def test_a_link_with_any_queue_is_not_overfilled(queue_seconds: float) -> None:
    lab = Lab(Conditions(rate=1e6, delay=NEAR, queue_bytes=int(queue_seconds * 1e6 / 8)))
    main = lab.join("main").heard
    lab.run(120)
    assert main.rung_at(60) == "middle"
    assert main.late_sound(4, 120) <= 0.01
    assert_calm(main, 5, 120)


def test_a_single_layer_goes_from_full_to_sound_and_back() -> None:
    lab = Lab(Conditions(rate=10e6, delay=NEAR))
    main = lab.join("main", (2_500_000,)).heard
    lab.run(10)
    lab.change(Conditions(rate=500e3, delay=NEAR))
    lab.run(60)
    assert main.rung_at(14) == main.rung_at(60) == "audio_only"
    assert main.late_sound(13, 60) <= 0.01
    lab.change(Conditions(rate=10e6, delay=NEAR))
    lab.run(120)
    assert main.rung_at(76) == "full"
    assert_calm(main, 76, 120)


def test_a_relay_that_was_kept_waiting_itself_does_not_blame_the_link() -> None:
    lab = Lab(Conditions(rate=10e6, delay=NEAR))
    main = lab.join("main").heard
    lab.run(5)
    lab.change(Conditions(rate=1e6, delay=NEAR))
    for _ in range(10):
        lab.viewer.excuse(lab.now)
        lab.run(lab.now + 0.1)
    assert main.rungs[-1][1] == "full"
    lab.run(lab.now + 2)
    assert main.rungs[-1][1] == "middle", "once it was not, it does"


def test_what_a_link_carries_is_not_forgotten_while_nobody_publishes() -> None:
    lab = Lab(Conditions(rate=500e3, delay=NEAR))
    main = lab.join("main")
    lab.run(20)
    for rendition in main.picture.offered:
        rendition.active = False
    lab.run(60)
    for rendition in main.picture.offered:
        rendition.active = True
    lab.run(80)
    assert main.heard.rung_at(80) == "low"
    assert "full" not in [rung for at, rung, _ in main.heard.rungs if at > 1]
    assert main.heard.late_sound(60, 79) == 0


@pytest.mark.parametrize("rate", [210e3, 300e3])
def test_layers_that_come_and_go_do_not_make_it_flap(rate: float) -> None:
    lab = Lab(Conditions(rate=rate, delay=NEAR))
    main = lab.join("main")
    lab.run(20)
    for moment in range(22, 82, 4):
        for active in (False, True):
            for rendition in main.picture.offered[1:]:
                rendition.active = active
            lab.run(moment + 2 * active)
    assert_calm(main.heard, 22, 80)
    assert main.heard.late_sound(22, 79) == 0


def test_a_layer_that_sends_nothing_for_a_moment_is_still_there() -> None:
    lab = Lab(Conditions(rate=300e3, delay=NEAR))
    main = lab.join("main")
    lab.run(20)
    low = main.picture.offered[0]
    for moment in range(22, 40, 3):
        low.bitrate = 0  # an encoder short of time
        lab.run(moment)
        low.bitrate = 150_000
        lab.run(moment + 2)
    assert main.heard.changes(20, 40) == 0


@pytest.mark.parametrize(
    ("rate", "loss", "repeats"), [(300e3, 0, False), (300e3, 0.07, True), (1e6, 0, True)]
)
def test_sound_is_not_repeated_on_narrow_links_that_lose_nothing_by_chance(
    rate: float, loss: float, repeats: bool
) -> None:
    lab = Lab(Conditions(rate=rate, delay=NEAR, loss=loss))
    lab.join("main")
    lab.run(20)
    assert lab.viewer.repeats is repeats
    lab.change(Conditions(rate=10e6, delay=NEAR))
    lab.run(50)
    assert lab.viewer.repeats and lab.viewer.members[0].repeats


def test_whoever_joins_a_viewer_with_a_narrow_link_gets_what_is_left() -> None:
    lab = Lab(Conditions(rate=1e6, delay=NEAR))
    lab.join("main")
    lab.run(20)
    site = lab.join("site-S1").heard
    assert site.rungs[0][1:] == ("low", "start")
    lab.run(40)
    assert site.late_sound(20, 40) <= 0.01


def test_only_one_session_of_a_page_at_a_time_begins_with_a_large_picture() -> None:
    lab = Lab(Conditions(rate=300e3, delay=NEAR))
    viewer, one, two = lab.viewer, lab.join("main").member, lab.join("board").member
    assert viewer.first_window(one, LARGE, 0.0) > FIRST_WINDOW
    assert viewer.first_window(two, LARGE, 0.1) == FIRST_WINDOW
    assert viewer.first_window(two, LARGE, FIRST_FEEDBACK) > FIRST_WINDOW, "the other's is over by time"
    assert viewer.first_window(one, LARGE, 0.5) == FIRST_WINDOW
    two.log.heard = True
    assert viewer.first_window(one, LARGE, 0.6) > FIRST_WINDOW, "the other's is over by its feedback"
    viewer.leave(one)
    assert viewer.first_window(two, LARGE, 0.7) > FIRST_WINDOW, "the other is gone"
