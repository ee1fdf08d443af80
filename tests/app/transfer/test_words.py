"""What is said about tables: a text for what can happen, and a fact for every gap in it."""

import ast
import string
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from app import errors
from app.transfer.words import TEXTS, text
from app.web.language import Language

APP = Path(errors.__file__).parent
KNOWN_HERE = {"value"}
"""Gaps that are filled by whoever reads the row: what it calls a room or a class."""


BY_TABLES = """
access.denied bells.clash bells.not_found bells.overlap bells.period_reversed bells.periods_overlap days.reversed
headcount.wrong_place lesson.wrong_state org_unit.closed org_unit.wrong_parent pairing.changes pairing.exists
pairing.link_too_slow pairing.not_active pairing.over_capacity person.not_found pupil_group.closed
pupil_group.not_found pupil_group.wrong_place room.closed room.not_found subject.unknown term.not_found
timetable.bells_apart timetable.clash timetable.entry_not_found timetable.main_class_taught timetable.no_bells
timetable.no_lessons timetable.not_a_main_room timetable.not_a_teacher timetable.outside_term
timetable.period_unknown timetable.site_twice
""".split()
"""What rules of the domains refuse when rows are carried out; some only when somebody else was a moment faster."""


def refused_in(paths: Iterable[Path]) -> Iterator[tuple[str, set[str]]]:
    """The codes that some files raise, each time with the facts that go with it."""
    for path in paths:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            match call:
                case ast.Call(
                    func=ast.Name(id="Conflict" | "Invalid" | "NotFound" | "Forbidden"),
                    args=[ast.Constant(value=str(code)), *_],
                    keywords=facts,
                ):
                    yield code, {fact.arg or "**" for fact in facts}


def refusals() -> dict[str, list[set[str]]]:
    """The codes that rules of the domains raise."""
    found: dict[str, list[set[str]]] = {}
    for package in ("accounts", "lessons", "pairings", "schools", "timetables"):
        for code, facts in refused_in((APP / package).glob("*.py")):
            found.setdefault(code, []).append(facts)
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


def test_whatever_rows_can_be_refused_for_is_said_in_both_languages() -> None:
    assert [code for code in BY_TABLES if code not in TEXTS] == []
    assert set(BY_TABLES) - refusals().keys() - {"access.denied"} == set()
    # Planning's own refusals are all of them, whoever adds one adds a text.
    ground = {"ground.py", "planning.py"}
    planned = {code for code, _ in refused_in(APP / "timetables" / name for name in ground)}
    assert planned - set(BY_TABLES) == set()
