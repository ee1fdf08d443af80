"""A page that keeps a session on which nothing comes any more: a shared screen, say, that is shared no longer.

What it last said of the link was true then. The link is judged by the sessions on which something comes.
"""

from __future__ import annotations

import pytest

from tests.link import Conditions
from tests.media_relay.core.bandwidth_lab import Heard, Lab, Session

NEAR = 0.020
SCREEN = (150_000, 600_000, 1_500_000)


def lesson(link: Conditions, seed: int = 1) -> tuple[Lab, Session, Session]:
    """Twenty seconds of a picture and a screen on a good link, which then becomes this one."""
    lab = Lab(Conditions(rate=10e6, delay=NEAR), seed=seed)
    main, screen = lab.join("main"), lab.join("screen", SCREEN)
    lab.run(20)
    lab.change(link)
    return lab, main, screen


def changes(heard: Heard, begin: float, end: float) -> list[tuple[float, str, str]]:
    return [change for change in heard.rungs if begin < change[0] <= end]


@pytest.mark.parametrize("rate", [300e3, 500e3])
def test_what_it_brought_is_no_longer_what_the_link_carries(rate: float) -> None:
    lab, main, screen = lesson(Conditions(rate=10e6, delay=NEAR))
    screen.end()
    lab.run(30)
    lab.change(Conditions(rate=rate, delay=NEAR))
    lab.run(80)
    assert main.heard.late_sound(33, 79) <= 0.001, "sound goes before pictures that do not fit"
    assert main.heard.rung_at(80) == "low" and not changes(main.heard, 35, 80), main.heard.rungs


def test_how_long_it_waited_is_no_longer_how_long_packets_wait() -> None:
    lab, main, screen = lesson(Conditions(rate=700e3, delay=NEAR))
    lab.run(20.6)
    screen.end()
    assert lab.viewer.waits > 0.3
    lab.run(30)
    assert lab.viewer.waits < 0.12, "nobody waits longer than that once pictures fit"
    lab.change(Conditions(rate=10e6, delay=NEAR))
    lab.run(40)
    capacity, room = lab.viewer.capacity, lab.viewer.room(main.member)
    assert capacity is not None and room is not None and lab.viewer.waits < 0.01
    assert room >= 0.9 * (capacity - main.member.sound), "the whole link is the picture's"


def test_what_it_lost_is_no_longer_lost_by_chance() -> None:
    lab, _, screen = lesson(Conditions(rate=300e3, delay=NEAR, loss=0.15))
    lab.run(21.5)
    screen.end()
    lab.change(Conditions(rate=300e3, delay=NEAR))
    lab.run(40)
    assert not lab.viewer.repeats, "a narrow link that loses nothing is spared repetitions"
