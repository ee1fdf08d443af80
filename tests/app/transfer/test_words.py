"""What is said about tables: a text for what can happen, and a fact for every gap in it."""

import ast
import string
from pathlib import Path

import pytest

from app import errors
from app.transfer.words import TEXTS, text
from app.web.language import Language

APP = Path(errors.__file__).parent
KNOWN_HERE = {"value"}
"""Gaps that are filled by whoever reads the row: what it calls a room or a class."""


def refusals() -> dict[str, list[set[str]]]:
    """The codes that rules of the domains raise, each time with the facts that go with it."""
    found: dict[str, list[set[str]]] = {}
    for package in ("accounts", "lessons", "pairings", "schools", "timetables"):
        for path in (APP / package).glob("*.py"):
            for call in ast.walk(ast.parse(path.read_text("utf-8"))):
                match call:
                    case ast.Call(
                        func=ast.Name(id="Conflict" | "Invalid" | "NotFound" | "Forbidden"),
                        args=[ast.Constant(value=str(code)), *_],
                        keywords=facts,
                    ):
                        found.setdefault(code, []).append({fact.arg or "**" for fact in facts})
    return found


def gaps(code: str) -> set[str]:
    return {name for words in TEXTS[code] for _, name, _, _ in string.Formatter().parse(words) if name}


def test_every_refusal_brings_the_facts_of_its_text() -> None:
    met = {code: facts for code, facts in refusals().items() if code in TEXTS}
    assert "timetable.period_unknown" in met
    for code, each in met.items():
        if code in {"timetable.bells_apart", "timetable.outside_term"}:
            continue  # the one from what REST lists, asked for in test_many_entries; the other is a page's, too
        for facts in each:
            assert gaps(code) <= facts | KNOWN_HERE, code


@pytest.mark.parametrize("language", Language)
def test_a_fact_that_is_missing_is_no_error(language: Language) -> None:
    for code in TEXTS:
        words = text(code, language, {}, "What the rule said.")
        assert words == "What the rule said." if gaps(code) - {"value", "detail"} else words, code
