"""A lesson as its rooms see it: a teacher and two teaching sites, each in a real Chromium.

One lesson goes through it all, in the order of the tests: what each changes, it changes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import OpenRoom, rooms_of
from tests.browser.rooms import Room
from tests.browser.server import Server
from tests.patience import patient

RECOVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """The rooms of a lesson that is on air."""

    teacher: Room
    sites: tuple[Room, Room]


ALL_IS_WELL: dict[str, Any] = {
    "type": "quality",
    "sites": [
        {
            "site": "S1",
            "state": "good",
            "streams": [{"direction": "watch", "stream": "main", "rung": "full"}],
        }
    ],
    "own": [{"direction": "watch", "stream": "main", "rung": "full"}],
}
"""What the channel says of good links. A machine that is busy has others, so tests of words begin with it."""


def tile(number: int) -> str:
    return f"#tiles li:nth-child({number})"


def wait_for_new_connection(room: Room, before: int) -> float:
    return room.wait_for(lambda: room.connections() > before)


@pytest.fixture(scope="module")
def lesson(server: Server, browser: Browser) -> Iterator[Lesson]:
    with rooms_of(browser) as open_room:
        teacher = open_room(server.link("teach", "wang"))
        teacher.page.click("#start")
        sites = tuple(open_room(server.link("site", login)) for login in ("site1", "site2"))
        yield Lesson(teacher, (sites[0], sites[1]))


def test_sites_see_and_hear_the_teacher(lesson: Lesson) -> None:
    for site in lesson.sites:
        site.wait_for_picture("#main")
        site.wait_for_sound()
        site.page.locator("#words").wait_for(
            state="hidden"
        )  # a machine that is too busy looks like a weak link
        assert not site.page.locator("#main").evaluate("video => video.muted")


def test_the_teachers_picture_is_sent_in_layers(lesson: Lesson) -> None:
    """So that each site gets what its link carries."""
    sizes = """async () => {
      const sizes = {};
      for (const pc of window.connections) {
        for (const { type, rid, frameHeight } of (await pc.getStats()).values()) {
          if (type === "outbound-rtp" && rid && frameHeight) sizes[rid] = frameHeight;
        }
      }
      return sizes;
    }"""
    lesson.teacher.wait_for(lambda: lesson.teacher.page.evaluate(sizes).keys() == {"low", "middle", "full"})
    found = lesson.teacher.page.evaluate(sizes)
    assert found["low"] < found["middle"] < found["full"]


def test_the_teacher_sees_and_hears_each_site(lesson: Lesson) -> None:
    for number in (1, 2):
        lesson.teacher.wait_for_picture(f"{tile(number)} video")
        state = lesson.teacher.page.locator(f"{tile(number)}[data-state=connected] .tile-state").inner_text()
        assert state.startswith(("Link good", "Weak link")), "as the machine may be busy"
    lesson.teacher.wait_for_sound()
    assert lesson.teacher.page.locator(tile(3)).inner_text().endswith("Waiting")
    assert lesson.teacher.page.locator("#status").inner_text() == "On air"


def test_the_shared_screen_becomes_large_and_goes_again(lesson: Lesson) -> None:
    teacher, site = lesson.teacher.page, lesson.sites[0]
    teacher.click("#share")
    site.wait_for_picture("#board")
    site.wait_for(lambda: site.page.locator("#stage").get_attribute("data-board") == "on")
    board, main = site.page.locator("#board").bounding_box(), site.page.locator("#main").bounding_box()
    assert board is not None and main is not None
    assert board["width"] > 3 * main["width"]
    assert board["x"] + board["width"] <= main["x"] + 1, "the teacher's picture covers what is written"
    teacher.click("#camera")
    site.page.get_by_text("The teacher’s camera is off.").wait_for()
    words = site.page.locator("#words").bounding_box()
    assert words is not None
    assert board["x"] + board["width"] <= words["x"] + 1, "the words cover what is written"
    teacher.click("#camera")
    site.page.locator("#words").wait_for(state="hidden")
    teacher.click("text=Stop sharing")
    assert site.wait_for(lambda: site.page.locator("#stage").get_attribute("data-board") == "off") < patient(
        5
    )
    site.wait_for_picture("#main")


def test_muting_silences_the_room(lesson: Lesson) -> None:
    site = lesson.sites[0]
    site.wait_for_sound()
    lesson.teacher.page.click("#microphone")
    assert lesson.teacher.page.locator("#microphone").get_attribute("aria-checked") == "false"
    site.wait_for_silence()
    lesson.teacher.page.click("#microphone")
    site.wait_for_sound()


def test_the_teacher_sees_who_speaks_and_whose_microphone_is_off(lesson: Lesson) -> None:
    teacher, site = lesson.teacher, lesson.sites[0]
    speaking = teacher.page.locator(f"{tile(1)}[data-speaking]").get_by_text("Speaking")
    muted = teacher.page.locator(tile(1)).get_by_text("Microphone off")
    for each in lesson.sites:
        each.hush()
    teacher.wait_for(lambda: teacher.page.locator("[data-speaking]").count() == 0)
    site.talk()
    speaking.wait_for()
    assert teacher.page.locator("[data-speaking]").count() == 1
    site.page.click("#microphone")
    muted.wait_for()
    assert teacher.page.get_by_text("Microphone off").locator("visible=true").count() == 1
    teacher.wait_for(lambda: teacher.page.locator("[data-speaking]").count() == 0)
    teacher.page.click("#language")
    teacher.page.locator(tile(1)).get_by_text("麦克风已关").wait_for()
    teacher.page.click("#language")
    site.page.click("#microphone")


def test_a_room_chooses_which_of_two_pictures_matters(lesson: Lesson) -> None:
    teacher, site = lesson.teacher.page, lesson.sites[0]
    assert site.page.locator("#matters").is_hidden(), "there is nothing to choose"
    teacher.click("#share")
    site.wait_for_picture("#board")
    site.page.locator("#matters").get_by_text("Enlarge teacher").click()
    board, main = site.page.locator("#board").bounding_box(), site.page.locator("#main").bounding_box()
    assert board is not None and main is not None
    assert main["width"] > 3 * board["width"]
    assert main["x"] + main["width"] <= board["x"] + 1, "the screen covers the teacher"
    assert site.said("prefer")[-2:] == [
        {"type": "prefer", "stream": "board"},
        {"type": "prefer", "stream": "main"},
    ], "the relay is told, too"
    left_out = {"type": "rung", "stream": "board", "rung": "audio_only", "reason": "congestion"}
    heard = [ALL_IS_WELL, left_out]
    assert site.hear(heard, "#weak").startswith("Weak link: one picture stands still")
    assert site.hear([*heard, {**left_out, "rung": "full"}], "#weak") == ""
    site.page.locator("#matters").get_by_text("Enlarge screen").click()
    teacher.click("text=Stop sharing")
    site.page.locator("#matters").wait_for(state="hidden")


def test_a_weak_link_is_said_in_words_and_that_it_is_well_again(lesson: Lesson) -> None:
    teacher, site = lesson.teacher, lesson.sites[0]
    teacher.wait_for_picture(f"{tile(1)} video")
    site.wait_for_picture("#main")
    heard, told = [ALL_IS_WELL], [ALL_IS_WELL]
    for rung, on_the_tile, in_the_room in (
        ("low", "Weak link: small picture", "Weak link: the picture is smaller, the sound is protected."),
        (
            "audio_only",
            "Weak link: sound only",
            "Weak link: sound only for now. The picture comes back by itself.",
        ),
        ("full", "Link good", ""),
    ):
        news = {"type": "rung", "stream": "main", "rung": rung, "reason": "congestion"}
        heard.append(news)
        told.append({**news, "site": "S1"})
        assert site.hear(heard, "#weak") == in_the_room
        assert teacher.hear(told, "#news").endswith(f": {on_the_tile}"), "read out, too"
        assert teacher.hear(told, f"{tile(1)} .tile-state") == on_the_tile
    elsewhere = {**news, "rung": "low", "site": "S2"}
    assert teacher.hear([*told, elsewhere], f"{tile(1)} .tile-state") == "Link good", "one's own tile"


def test_a_teacher_whose_own_link_is_weak_is_told(lesson: Lesson) -> None:
    lesson.teacher.wait_for_picture(f"{tile(1)} video")
    lesson.teacher.page.wait_for_selector("#status[data-state=live]")
    up = {"stream": "main", "direction": "publish", "rung": None}
    for loss, words in ((0.08, "On air · your link is weak"), (0.0, "On air")):
        news = {"type": "quality", "sites": [], "own": [{**up, "loss": loss}]}
        assert lesson.teacher.hear([news], "#status") == words
    down = {"type": "rung", "stream": "site-S1", "reason": "congestion"}
    for rung, words in (("audio_only", "Weak link: sound only"), ("full", "Link good")):
        assert lesson.teacher.hear([ALL_IS_WELL, {**down, "rung": rung}], f"{tile(1)} .tile-state") == words


def test_after_a_crash_of_the_relay_everybody_is_back_in_time(server: Server, lesson: Lesson) -> None:
    shown = ((lesson.teacher, f"{tile(1)} video"), *((site, "#main") for site in lesson.sites))
    connections = [room.connections() for room, _ in shown]
    server.kill_relay()
    took = 0.0
    for (room, selector), before in zip(shown, connections, strict=True):
        took += wait_for_new_connection(room, before)
        took += room.wait_for_picture(selector)
    assert took < patient(RECOVERY_SECONDS)
    lesson.sites[1].wait_for_sound()


def test_a_site_that_goes_is_shown_as_lost(lesson: Lesson) -> None:
    lesson.teacher.wait_for_picture(f"{tile(2)} video")
    lesson.sites[1].leave()
    lost = lesson.teacher.page.locator(tile(2))
    assert lesson.teacher.wait_for(lambda: lost.inner_text().endswith("Reconnecting")) < patient(5)
    lesson.teacher.wait_for_picture(f"{tile(1)} video")


def test_a_second_device_takes_over_and_the_first_stands_back(
    server: Server, lesson: Lesson, open_room: OpenRoom
) -> None:
    second = open_room(server.link("teach", "wang"))
    second.page.click("#start")
    lesson.teacher.page.wait_for_selector("text=You went on from another device")
    second.page.wait_for_selector("#status[data-state=live]")
    second.page.wait_for_timeout(3000)  # time enough for the first device to snatch it back, if it would
    assert second.page.locator("#status").get_attribute("data-state") == "live"
    lesson.sites[0].wait_for_picture("#main")
