"""Which language a page speaks, and that every text is there in both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import app.web
from app.web.assets import Assets
from app.web.language import Language, Part, choose, texts, texts_of

WEB = Path(app.web.__file__).parent
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize(
    ("cookie", "accept_language", "expected"),
    [
        (None, None, "zh"),
        (None, "", "zh"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,en;q=0.9,zh;q=0.5", "en"),
        (None, "fr-FR,fr;q=0.9,zh-TW;q=0.3", "zh"),
        (None, "fr-FR", "en"),
        (None, "en;q=0,zh", "zh"),
        (None, "zh;q=garbage, en;q=0.1", "en"),
        (None, ";;;,,,=q", "en"),
        ("en", "zh-CN", "en"),
        ("zh", "en-US", "zh"),
        ("klingon", "en-US", "en"),
    ],
)
def test_the_choice_counts_first_then_the_browsers_wish(
    cookie: str | None, accept_language: str | None, expected: str
) -> None:
    assert choose(cookie, accept_language) == expected


def test_both_languages_have_every_text_with_the_same_blanks() -> None:
    chinese, english = texts(Language.CHINESE), texts(Language.ENGLISH)
    assert chinese.keys() == english.keys()
    for key in chinese:
        assert chinese[key].strip(), key
        assert english[key].strip(), key
        assert set(PLACEHOLDER.findall(chinese[key])) == set(PLACEHOLDER.findall(english[key])), key


def test_a_page_has_the_texts_it_needs() -> None:
    """Each loads some parts of the texts; what a classroom's page does not need, a weak link does not carry."""
    of_part = {part: set(texts_of(Language.ENGLISH, part)) for part in Part}
    known = set().union(*of_part.values())
    assert len(known) == sum(map(len, of_part.values())), "a text is in two parts"
    assets = Assets.load()
    frame = (WEB / "templates" / "office.html").read_text("utf-8")
    for template in WEB.glob("templates/*.html"):
        code = template.read_text("utf-8")
        if f"{template.stem}.js" not in assets.files:
            continue
        named = re.search(r"{% block parts %}(.*?){%", code)
        if named is None and 'extends "office.html"' in code:
            named = re.search(r"{% block parts %}(.*?){%", frame)
        parts = {Part.ALL} | ({Part(f".{name}") for name in named[1].split()} if named else set())
        modules = "".join(assets.files[name].body.decode() for name in assets.modules(f"{template.stem}.js"))
        needed = set(re.findall(r'["`]([a-z_]+(?:\.[a-z_]+)*)["`]', code + modules)) & known
        if 'extends "office.html"' in code:  # the ways to other pages are called by those pages' headings
            needed |= {f"{name}.heading" for name in re.findall(r'\("(\w+)", "/', frame)}
        assert needed <= set().union(*(of_part[part] for part in parts)), template.stem


def test_no_text_is_left_in_the_other_language() -> None:
    other = {"language.other", "language.switch"}  # these two name the other language
    for key, words in texts(Language.ENGLISH).items():
        assert key in other or not re.search(r"[\u4e00-\u9fff]", words), key
    for key, words in texts(Language.CHINESE).items():
        said = PLACEHOLDER.sub("", words)
        assert key in other or re.search(r"[\u4e00-\u9fff]", said) or not re.search("[A-Za-z]", said), key


def test_every_text_that_is_asked_for_exists_and_none_is_left_over() -> None:
    sources = [*WEB.glob("static/*.js"), *WEB.glob("templates/*.html")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    known = set(texts(Language.ENGLISH))
    quoted = set(re.findall(r'["`]([a-z_]+(?:\.[a-z_]+)*)["`]', code))
    # Keys that are put together: `tile.${state}` and the like.
    put_together = re.findall(r'`([a-z_.]+\.)\$\{|"([a-z_.]+\.)" ~', code)
    families = ("title.", *("".join(found) for found in put_together))
    switches = {f"{name}.{side}" for name in ("microphone", "camera") for side in ("on", "off")}
    used = quoted | switches | {key for key in known if key.startswith(families)}
    looks_like_key = {key for key in quoted if key.partition(".")[0] in {k.partition(".")[0] for k in known}}
    missing = {key for key in looks_like_key - known if "." in key} - _NOT_TEXTS
    assert missing == set()
    assert known - used == set()


# Dotted names in the sources that are no texts: codes of the API and modules.
_NOT_TEXTS = {
    "room.still_planned",
    "calendar.lessons_planned",
    "bells.clash",
    "bells.lessons_planned",
    "bells.none_in_force",
    "bells.overlap",
    "bells.period_reversed",
    "bells.periods_overlap",
    "bells.sites_apart",
    "password.length",
    "lesson.none_now",
    "lesson.not_found",
    "lesson.wrong_state",
    "lesson.not_on_air",
    "stream.taken",
    "session.replaced",
    "site.js",
    "term.in_use",
    "term.overlap",
    "term.still_planned",
    "terminal.code_used",
    "terminal.no_code",
    "terminal.removed",
    "timetable.bells_apart",
    "timetable.no_bells",
    "timetable.clash",
}
