"""A room's big screen, from the code it shows to the end of the lesson, without anybody who types there."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.conftest import OpenRoom
from tests.browser.server import running_server
from tests.patience import patient

SILENT = "[...document.querySelectorAll('.tile video')].every((video) => video.muted || !video.srcObject)"


def test_a_screen_is_let_in_by_its_code_shows_the_lesson_and_is_shut_out(
    tmp_path: Path, open_room: OpenRoom
) -> None:
    with running_server(tmp_path) as server:
        screen = open_room(f"{server.origin}/terminal")
        screen.page.locator("#code").wait_for()
        code = screen.page.locator("#code").inner_text()
        admin = open_room(server.link("terminals", "admin")).page
        let_in(admin, code, "Classroom")
        screen.page.wait_for_url("**/site")
        teacher = open_room(server.link("teach", "wang")).page
        teacher.click("#start")
        screen.wait_for_picture("#main")
        lend_the_rooms_camera(open_room(f"{server.origin}/terminal").page, admin, teacher)
        assert screen.page.evaluate("localStorage.length") == 0
        kept = screen.page.evaluate("JSON.stringify({ ...sessionStorage })")
        assert "ey" not in kept and screen.context.cookies() == []

        teacher.click("#end")
        teacher.click("#ending >> text=End lesson")
        ended = time.monotonic()
        screen.page.get_by_text("This lesson is over").wait_for()
        assert time.monotonic() - ended < patient(5)
        assert teacher.locator("#state").inner_text() == "Lesson ended"

        site = admin.locator("#terminals > li", has_text="Teaching Site")
        site.get_by_role("button", name="Disconnect").click()
        admin.get_by_role("button", name="Yes").click()
        screen.page.goto(f"{server.origin}/terminal")
        screen.page.get_by_text("This screen was disconnected").wait_for()
        screen.page.locator("#code").wait_for()
        assert screen.page.locator("#code").inner_text() != code


def let_in(admin: Page, code: str, room: str) -> None:
    """The administrator types a screen's code in, for the first room with this in its name."""
    admin.locator("#room option").nth(1).wait_for(state="attached")
    rooms = admin.locator("#room option").all_inner_texts()
    admin.locator("#room").select_option(label=next(name for name in rooms if name.endswith(room)))
    admin.locator("#code").fill(code)
    admin.locator("#go").click()
    admin.locator("#terminals > li", has_text=room).first.wait_for()


def lend_the_rooms_camera(screen: Page, admin: Page, teacher: Page) -> None:
    """The screen of the main classroom takes over from the teacher's own device, which falls silent."""
    screen.locator("#code").wait_for()
    let_in(admin, screen.locator("#code").inner_text(), "Main classroom")
    screen.wait_for_url("**/room")
    screen.locator("#tiles > li[data-state=connected] video").wait_for()
    assert screen.evaluate(SILENT)
    screen.locator("#use").click()
    screen.locator("#status[data-state=live]").wait_for()
    teacher.locator("#fault", has_text="another device").wait_for()
    assert teacher.evaluate(SILENT) and not screen.evaluate(SILENT)
