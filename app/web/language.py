"""Which language a page speaks: what the person chose, else what the browser asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

TEXTS = Path(__file__).parent / "texts"
COOKIE = "lang"


class Language(StrEnum):
    """A language every page can be read in."""

    CHINESE = "zh"
    ENGLISH = "en"

    @property
    def tag(self) -> str:
        """The tag for `lang` attributes; it names the script, so that fonts and screen readers agree."""
        return "zh-Hans" if self is Language.CHINESE else "en"


class Part(StrEnum):
    """Which pages need a text; what a classroom's page does not need, a weak link need not carry."""

    ALL = ""
    CLASSROOM = ".classroom"
    """Those of a lesson and of rooms' screens."""
    DOOR = ".door"
    """Those of signing in and of passwords."""
    OFFICE = ".office"
    """Those at a desk, beside the texts of all pages."""
    COUNTY = ".county"
    """Those of the county's units and people, beside the texts of a desk."""
    PLANNING = ".planning"
    """Those of the timetable and the calendar, beside the texts of a desk."""
    YEAR = ".year"
    """Those of opening and changing terms, beside the texts of the timetable."""
    BELLS = ".bells"
    """Those of the page of bells, beside the texts of a desk and of the county."""
    FIGURES = ".figures"
    """Those of pairings and reports, beside the texts of a desk."""
    OWN = ".own"
    """Those of what one is told and how, and of one's calendar elsewhere, beside the texts of a desk."""
    UPKEEP = ".upkeep"
    """Those of accounts, guests, screens and tables, beside the texts of a desk."""


def choose(cookie: str | None, accept_language: str | None) -> Language:
    """The remembered choice, else the best of `Accept-Language` (RFC 9110 §12.5.4).

    English for those who asked for neither language; Chinese for those who asked for nothing.
    """
    if cookie in set(Language):
        return Language(cookie)
    if not accept_language:
        return Language.CHINESE
    for wanted in _by_preference(accept_language):
        if wanted in set(Language):
            return Language(wanted)
    return Language.ENGLISH


def _by_preference(accept_language: str) -> list[str]:
    """Primary language subtags, most wanted first; `q=0` means "not this one"."""
    ranges = [_range(part) for part in accept_language.split(",")]
    wanted = [(tag, quality) for tag, quality in ranges if tag and quality > 0]
    return [tag for tag, _ in sorted(wanted, key=lambda pair: -pair[1])]


def _range(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    primary = tag.strip().lower().partition("-")[0]
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return primary, 1.0
    try:
        return primary, float(value)
    except ValueError:
        return primary, 0.0


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Every text of the pages in one language, by key."""
    return {key: words for part in Part for key, words in texts_of(language, part).items()}


def texts_of(language: Language, part: Part) -> Mapping[str, str]:
    """One part of them."""
    loaded: dict[str, str] = json.loads((TEXTS / f"{language}{part}.json").read_text("utf-8"))
    return loaded


def texts_module(language: Language, part: Part) -> str:
    """The same texts as an ES module: a page loads its own language, and the other one when it is switched."""
    return f"export default {json.dumps(texts_of(language, part), ensure_ascii=False)};\n"
