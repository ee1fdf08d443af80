"""The pages as they travel: weight, policy, nothing inline, contrast."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import app.web
from app.errors import install_error_handlers
from app.settings import Settings
from app.web.routes import no_such_page, router

PAGES = (
    "/",
    "/today",
    "/notices",
    "/feeds",
    "/timetable",
    "/calendar",
    "/bells",
    "/teach",
    "/site",
    "/room",
    "/password",
    "/access",
    "/county",
    "/unit",
    "/people",
    "/guest",
    "/guests",
    "/pairings",
    "/reports",
    "/terminal",
    "/tables",
    "/terminals",
    "/docs",
    "/forgot",
    "/new-password",
    "/confirm-mail",
    "/nowhere",
)
MOST_BYTES = 150_000
BASE_CSS = (Path(app.web.__file__).parent / "static" / "base.css").read_text("utf-8")


@pytest.fixture
def client() -> TestClient:
    """The pages by themselves: they need no database."""
    api = FastAPI(docs_url=None)
    install_error_handlers(api)
    api.add_exception_handler(404, no_such_page)
    api.include_router(router)
    api.state.settings = Settings(
        oidc_issuer="https://login.example.org", oidc_client_id="tongtang", oidc_mapping_file=Path("any.json")
    )
    return TestClient(api, headers={"Accept": "text/html"})


def files_of(html: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_and_all_it_needs_stays_light(client: TestClient, page: str) -> None:
    html = client.get(page).text
    weight = len(html.encode()) + sum(len(client.get(url).content) for url in files_of(html))
    assert weight < MOST_BYTES


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: TestClient, page: str) -> None:
    answer = client.get(page)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", answer.text)
    assert re.findall(r"<script(?![^>]*\ssrc=)", answer.text) == []
    assert re.findall(r'(?:href|src)="(?![/#])', answer.text) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_a_page_names_is_there_and_may_be_kept(client: TestClient, page: str) -> None:
    for url in files_of(client.get(page).text):
        answer = client.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_modules_import_only_what_the_page_preloads(client: TestClient) -> None:
    for page in PAGES:
        files = files_of(client.get(page).text)
        folder = next(iter(files)).rpartition("/")[0]
        for url in files:
            for imported in re.findall(r'from "\./([\w.]+)"', client.get(url).text):
                assert f"{folder}/{imported}" in files


class _Buttons(HTMLParser):
    """The buttons that are seen as soon as the markup is there: those of dialogs and of hidden parts are not."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[bool] = []
        self.enabled: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        unseen = tag == "dialog" or "hidden" in given or (bool(self.open) and self.open[-1])
        if tag == "button" and not unseen and "disabled" not in given:
            self.enabled.append(str(given))
        if tag not in _VOID:
            self.open.append(unseen)

    def handle_endtag(self, _tag: str) -> None:
        self.open.pop()


_VOID = {"meta", "link", "img", "input", "br"}


@pytest.mark.parametrize("page", PAGES)
def test_no_button_can_be_pressed_before_the_script_that_wires_it_is_there(
    client: TestClient, page: str
) -> None:
    """On a weak link the script comes seconds after the page."""
    buttons = _Buttons()
    buttons.feed(client.get(page).text)
    assert buttons.open == []
    assert buttons.enabled == []


def test_a_file_travels_compressed_when_the_browser_can(client: TestClient) -> None:
    url = next(url for url in files_of(client.get("/").text) if url.endswith("texts.zh.js"))
    plain = client.get(url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", url, headers={"accept-encoding": "gzip"}) as answer:
        squeezed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(squeezed) == plain.content
    assert len(squeezed) < len(plain.content) / 2


def test_a_file_that_is_not_there_is_a_plain_404(client: TestClient) -> None:
    answer = client.get("/static/0/no-such.js")
    assert answer.status_code == 404
    assert answer.json()["code"] == "page.no_such_file"
    assert client.get("/static/0/..%2froutes.py").status_code == 404


def test_the_page_speaks_the_language_of_the_browser_until_another_is_chosen(client: TestClient) -> None:
    english = client.get("/", headers={"accept-language": "en"})
    assert '<html lang="en"' in english.text
    assert english.headers["content-language"] == "en"
    assert '<html lang="zh-Hans"' in client.get("/", headers={"accept-language": "zh-CN"}).text
    client.cookies.set("lang", "zh")
    assert '<html lang="zh-Hans"' in client.get("/", headers={"accept-language": "en"}).text


def test_the_favicon_is_found(client: TestClient) -> None:
    answer = client.get("/favicon.ico")
    assert answer.headers["content-type"] == "image/svg+xml"


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, ground) for text in ("text", "soft", "good", "bad") for ground in ("ground", "panel")),
        ("text", "raised"),
        ("on-accent", "accent"),
    ],
)
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    """WCAG 2.2 AA asks for 4.5; a screen read from the back row in a bright room wants more."""
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", BASE_CSS))
    assert contrast(colours[text], colours[ground]) >= 7


def test_white_on_the_danger_colour_is_readable() -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", BASE_CSS))
    assert contrast("#ffffff", colours["danger"]) >= 4.5


def test_a_mistyped_address_is_explained_to_people_and_to_programs(client: TestClient) -> None:
    page = client.get("/tech", headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en"})
    assert page.status_code == 404
    assert "There is no page here" in page.text
    assert 'href="/"' in page.text
    problem = client.get("/tech", headers={"Accept": "*/*"})
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "route.not_found"
